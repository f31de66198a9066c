// One call: its cases, fields for its arguments, what each filter answers, and the decision graph.
'use strict';

const textLimit = 52;
const shorten = (text) => (text.length > textLimit ? text.slice(0, textLimit - 1) + '…' : text);

class CallPanel {
  constructor(page, row, given) {
    this.page = page;
    this.row = row;
    this.names = page.names;
    this.parameters = this.names.parameters(row.abi, row.first);
    const abi = this.names.abi(row.abi);
    this.audit = abi?.audit ?? row.cases[0]?.witness.audit ?? 0;
    this.wordBits = abi?.word_bits ?? 64;
    this.filters = page.map.filters;
    this.filter = this.filters[0] ?? null;
    this.fields = new Map();
    this.fillFields(given ?? '');
  }

  parts() {
    const row = this.row;
    this.answer = make('output', {class: 'answer', id: 'answer'});
    this.steps = make('div', {class: 'steps'});
    this.picture =
        make('div', {class: 'picture', tabindex: 0, role: 'group', 'aria-label': 'Decision graph'});
    const verdict = verdictOf(row.verdict);
    const parts = [
      make(
          'h2', {tabindex: -1}, row.name ?? 'no name',
          make('span', {class: 'number'}, rangeText(row.first, row.last)),
          make(
              'span', {class: `action ${row.verdict}`},
              make('span', {class: 'mark', 'aria-hidden': 'true'}, verdict.mark), verdict.text),
          make('a', {class: 'close', href: addressOf({arch: row.abi})}, 'Close')),
      this.casesList(),
      this.filter ? this.tryForm() : null,
      make('h3', {}, 'Decision graph'),
      this.filters.length > 1 ? this.filterChoice() : null,
      this.picture,
      this.filter ? this.steps : null,
    ];
    this.drawPicture();
    this.run();
    return parts.flat().filter(Boolean);
  }

  casesList() {
    const row = this.row;
    if (row.cases.length === 0)
      return make('p', {}, 'What this call gets is past the budget of the analysis.');
    const lines = row.cases.map(
        (one, index) => make(
            'li', {}, make('p', {}, actionBadge(one.action, one.ret), ' ', caseText(row, index)),
            make(
                'p', {class: 'example'}, 'such as ',
                this.filter ? this.witnessButton(one.witness.call) :
                              make('code', {}, this.bare(one.witness.call))),
            one.by ? make('p', {class: 'example'}, byText(one.by)) : null));
    return [
      row.cases.length > 1 ? make('p', {class: 'example'}, 'The first case that holds decides.') :
                             null,
      make('ol', {class: 'decided'}, lines)
    ];
  }

  /// A call expression without the ABI before it: the page shows one ABI at a time.
  bare(text) {
    return text.replace(/^\w+:/, '');
  }

  witnessButton(witness) {
    return make(
        'button', {
          type: 'button',
          class: 'witness',
          title: 'Put this call\'s arguments into the fields',
          onclick: () => {
            this.fillFields(witness);
            for (const [key, input] of this.fields) input.value = this.given.get(key) ?? '';
            this.rawWords.open ||= this.hasRawWords();
            this.run();
          }
        },
        make('code', {}, this.bare(witness)));
  }

  /// What the fields hold, from a call as it is written: key -> text. Keys are p and a parameter's
  /// index, r and a raw word's index or "ip".
  fillFields(text) {
    const read = readCall(text, this.parameters) ?? {values: [], raw: {}};
    this.given = new Map([
      ...Array.from(read.values, (value, index) => [`p${index}`, value ?? '']),
      ...Object.entries(read.raw).map(([index, value]) => [`r${index}`, value])
    ]);
  }

  field(key, label, hint, options) {
    const list = options.length > 0 ? make(
                                          'datalist', {id: `names-${key}`},
                                          options.map((name) => make('option', {value: name}))) :
                                      null;
    const input = make('input', {
      type: 'text',
      value: this.given.get(key) ?? '',
      placeholder: hint,
      autocomplete: 'off',
      spellcheck: 'false',
      list: list?.id,
      'data-field': label,
      oninput: () => this.run()
    });
    this.fields.set(key, input);
    return make('label', {class: 'field'}, make('span', {}, label), input, list);
  }

  tryForm() {
    const hintOf = (parameter) =>
        (parameter.placement === 'memory' || parameter.placement === 'unknown' ?
             'not in a register' :
             '0');
    const named = (this.parameters ?? [])
                      .map(
                          (parameter, index) => this.field(
                              `p${index}`, parameter.name, hintOf(parameter),
                              [...(this.names.constants(parameter)?.names.keys() ?? [])]));
    const raw = ['0', '1', '2', '3', '4', '5', 'ip'].map(
        (index) => this.field(`r${index}`, index === 'ip' ? 'ip' : `args[${index}]`, '', []));
    this.rawWords = make(
        'details', {open: (named.length === 0 && this.row.cases.length > 1) || this.hasRawWords()},
        make('summary', {}, 'Raw words, as the filter sees them'),
        make('div', {class: 'fields'}, raw));
    return make(
        'fieldset', {class: 'try'}, make('legend', {}, 'Try arguments'),
        named.length > 0 ? make('div', {class: 'fields'}, named) : null, this.rawWords,
        this.answer);
  }

  hasRawWords() {
    return [...this.given.keys()].some((key) => key.startsWith('r'));
  }

  filterChoice() {
    return make(
        'label', {class: 'field'}, make('span', {}, 'Filter'),
        make(
            'select', {
              onchange: (event) => {
                this.filter = this.filters[event.target.value];
                this.drawPicture();
                this.run();
              }
            },
            this.filters.map((filter, index) => make('option', {value: index}, filter.label))));
  }

  /// seccomp_data of the fields. Throws a ValueError that names the field.
  data() {
    const args = new Array(6).fill(0n);
    let ip = 0n;
    for (const [key, input] of this.fields) {
      if (input.value.trim() === '') continue;
      const parameter = key.startsWith('p') ? this.parameters[key.slice(1)] : undefined;
      try {
        const value = parseValue(input.value, this.names, parameter);
        if (parameter)
          placeValue(args, parameter, value, this.wordBits);
        else if (key === 'rip')
          ip = value.value;
        else
          args[key.slice(1)] = value.value;
        input.removeAttribute('aria-invalid');
      } catch (problem) {
        if (!(problem instanceof ValueError)) throw problem;
        input.setAttribute('aria-invalid', 'true');
        throw problem;
      }
    }
    return {nr: this.row.first, arch: this.audit, ip, args};
  }

  actionText(ret) {
    return this.page.actions.get(`${this.row.abi} ${ret}`) ??
        plainAction(ret, this.names.abi(this.row.abi)?.errnos ?? {});
  }

  describe(node) {
    if (node.when !== undefined) return shorten(node.when);
    if (node.ret)
      return isKnown(node.ret) ? this.actionText(node.ret.known) : `returns ${node.ret.text}`;
    return shorten(testText(node.test));
  }

  drawPicture() {
    const parts = this.filter ? this.filterPicture() : this.casesPicture();
    this.picture.replaceChildren(...parts);
    requestAnimationFrame(
        () =>
            (this.picture.scrollLeft = (this.drawing?.startX ?? 0) - this.picture.clientWidth / 2));
  }

  filterPicture() {
    const loadWord = (index) => {
      if (index === 0) return known(u32(this.row.first));
      return index === 1 ?
          known(this.audit) :
          wordName(index, this.filter.program.byte_order, this.names, this.parameters);
    };
    this.graph = decisionGraph(this.filter.program, loadWord);
    return this.picturesOf(
        this.graph, `Decision graph of ${this.row.name ?? this.row.first} on ${this.row.abi}`);
  }

  /// Where no one program serves the ABI: the cases, in order.
  casesPicture() {
    const nodes = new Map();
    this.row.cases.forEach((one, index) => {
      const isLast = index === this.row.cases.length - 1;
      nodes.set(2 * index + 1, {pc: 2 * index + 1, ret: known(one.ret)});
      if (!isLast)
        nodes.set(2 * index, {
          pc: 2 * index,
          test: true,
          when: one.when,
          yes: 2 * index + 1,
          no: index + 2 === this.row.cases.length ? 2 * index + 3 : 2 * index + 2
        });
    });
    if (nodes.size === 0) return [];
    return this.picturesOf({start: nodes.size === 1 ? 1 : 0, nodes}, 'Cases in order');
  }

  picturesOf(graph, title) {
    this.drawing = null;
    if (graph.nodes.size > graphSizes.most)
      return [
        make(
            'p', {},
            `${
                graph.nodes
                    .size} tests and answers: more than a picture can hold. The steps of a call are below.`)
      ];
    const tone = (item) =>
        (!item.ret             ? '' :
             isKnown(item.ret) ? permission(item.ret.known) :
                                 'refused');
    this.drawing = drawGraph(graph, (node) => this.describe(node), tone, title);
    return [this.drawing.element];
  }

  /// What the filters make of the fields' arguments.
  run() {
    if (!this.filter) return;
    try {
      const data = this.data();
      const {result, path} = runFilter(this.filter.program, data);
      const all = this.filters.map((filter) => runFilter(filter.program, data).result);
      this.drawing?.show(path);
      this.answer.replaceChildren(
          actionBadge(this.actionText(result), result),
          make(
              'span', {},
              ` 0x${result.toString(16).padStart(8, '0')}, ${
                  plural(path.length, 'instruction')} run`),
          ...this.stackNote(all));
      this.steps.replaceChildren(...this.stepList(path, result));
    } catch (problem) {
      if (!(problem instanceof ValueError)) throw problem;
      this.drawing?.show(null);
      this.answer.replaceChildren(make('span', {class: 'problem'}, problem.message));
      this.steps.replaceChildren();
    }
  }

  stackNote(all) {
    if (all.length < 2) return [];
    const strictest = all.reduce((kept, ret) => (rank(ret) <= rank(kept) ? ret : kept));
    return [
      make('span', {}, '; all filters together: '),
      actionBadge(this.actionText(strictest), strictest)
    ];
  }

  stepList(path, result) {
    const ways = waysTaken(this.graph, path);
    const steps = [...ways].map(
        ([pc, way]) => make(
            'li', {}, make('code', {}, testText(this.graph.nodes.get(pc).test)), ` is ${way}`));
    const code = this.filter.program.instructions;
    const lines = path.map(
        (pc) => make(
            'tr', {}, make('td', {class: 'number'}, String(pc)),
            make('td', {}, make('code', {}, code[pc].text)), make('td', {}, code[pc].note ?? '')));
    return [
      make(
          'ol', {}, steps,
          make('li', {}, 'the answer is ', actionBadge(this.actionText(result), result))),
      make(
          'details', {}, make('summary', {}, `The ${plural(path.length, 'instruction')} that ran`),
          make('table', {class: 'code'}, make('tbody', {}, lines))),
    ];
  }
}

function testText({sign, left, right}) {
  const beside = sign.startsWith('>') ? grouped(right) : besideText(left, right);
  return sign === '&' ?
      `${grouped(left)} & ${beside} != 0` :
      `${valueText(left)} ${sign} ${
          isKnown(right) && beside.startsWith('(') ? beside.slice(1, -1) : beside}`;
}

/// An action by its number alone, where the document has no text for it; `errnos` names errors by
/// the ABI's numbers.
function plainAction(ret, errnos) {
  const kinds = {
    0x80000000: 'kill_process',
    0x00000000: 'kill_thread',
    0x00030000: 'trap',
    0x00050000: 'errno',
    0x7fc00000: 'notify',
    0x7ff00000: 'trace',
    0x7ffc0000: 'log',
    0x7fff0000: 'allow'
  };
  const name = kinds[u32(ret & 0xffff0000)];
  if (name === undefined) return `${hex(ret)} (unknown action: the kernel kills the process)`;
  const data = ret & 0xffff;
  if (name === 'errno') return `errno(${errnos[data] ?? data})`;
  return (name === 'trap' || name === 'trace') && data !== 0 ? `${name}(${data})` : name;
}
