// `explain`: the map of calls by verdict, and one call's cases, arguments and decision graph.
'use strict';

const verdicts = [
  {value: 'conditional', text: 'conditional', mark: '◐', title: 'It depends on the arguments.'},
  {
    value: 'allowed',
    text: 'allowed',
    mark: '✓',
    title: 'Let through, whatever the arguments (allow, log).'
  },
  {
    value: 'delegated',
    text: 'delegated',
    mark: '➜',
    title: 'Somebody else decides: a tracer or a supervisor (trace, notify).'
  },
  {value: 'refused', text: 'refused', mark: '✕', title: 'Not let through (errno, trap, kill).'},
  {value: 'undecided', text: 'not known', mark: '?', title: 'Past the budget of the analysis.'},
];
const verdictOf = (value) => verdicts.find((verdict) => verdict.value === value);

/// What becomes of a call, leaving aside how. SECCOMP_RET_*: allowed (ALLOW, LOG), delegated
/// (TRACE, USER_NOTIF) or refused.
function permission(ret) {
  const kind = u32(ret & 0xffff0000);
  if (kind === 0x7fff0000 || kind === 0x7ffc0000) return 'allowed';
  return kind === 0x7ff00000 || kind === 0x7fc00000 ? 'delegated' : 'refused';
}
/// The kernel's order: the lower of two stacked answers counts.
const rank = (ret) => (ret & 0xffff0000) | 0;

function rowVerdict(cases) {
  const kinds = new Set(cases.map((one) => permission(one.ret)));
  if (kinds.size === 0) return 'undecided';
  return kinds.size === 1 ? [...kinds][0] : 'conditional';
}

const numberText = (number) => (number < 0x10000 ? String(number) : hex(number));
const rangeText = (first, last) =>
    (first === last ? numberText(first) : `${numberText(first)}–${numberText(last)}`);

function actionBadge(action, ret) {
  const verdict = verdictOf(permission(ret));
  return make(
      'span', {class: `action ${verdict.value}`},
      make('span', {class: 'mark', 'aria-hidden': 'true'}, verdict.mark), action);
}

const otherAbi = 'other architectures';

/// A call of the document as the map has it.
function rowOf(decision) {
  const {first, last} = decision.numbers;
  const verdict = rowVerdict(decision.cases);
  const row = {
    abi: decision.arch ?? otherAbi,
    name: decision.call,
    first,
    last,
    key: decision.call ?? rangeText(first, last),
    cases: decision.cases,
    verdict
  };
  const words = [
    row.key, numberText(first), verdictOf(verdict).text,
    ...decision.cases.flatMap((one) => [one.action, one.when])
  ];
  return {...row, haystack: words.join(' ').toLowerCase()};
}

class ExplainPage {
  constructor(map, names) {
    this.map = map;
    this.names = names;
    this.actions = new Map(
        map.rows.flatMap((row) => row.cases.map((one) => [`${row.abi} ${one.ret}`, one.action])));
    this.search = searchBox(
        'Search calls', 'Search: a call, a number, a condition, an action', () => this.showMap());
    this.tabs = make('div', {class: 'tabs', role: 'tablist', 'aria-label': 'Architecture'});
    this.controls = make('div', {class: 'controls'}, this.search.element);
    this.status = make('p', {class: 'status', role: 'status'});
    this.list = make('div', {id: 'map', role: 'tabpanel', 'aria-label': 'Calls'});
    this.panel = make('section', {id: 'call', class: 'panel', 'aria-label': 'The chosen call'});
    this.abi = map.abis[0];
    if (location.hash === '' && map.answers.length > 0)
      history.replaceState(null, '', this.answerLink(map.answers[0]));
  }

  start(content) {
    for (const abi of this.map.abis)
      this.tabs.append(make(
          'a', {role: 'tab', 'aria-controls': 'map', href: addressOf({arch: abi}), 'data-abi': abi},
          abi, make('span', {class: 'count'})));
    moveByArrows(this.tabs, 'a');
    content.append(
        ...[this.intro(), this.asked()].filter(Boolean),
        make(
            'div', {class: 'split'},
            make('div', {class: 'side'}, this.tabs, this.controls, this.status, this.list),
            this.panel));
    addEventListener('hashchange', () => this.follow(true));
    this.follow(false);
  }

  intro() {
    return make(
        'dl', {class: 'facts'},
        this.map.facts.map(
            ([name, value]) => make('div', {}, make('dt', {}, name), make('dd', {}, value))));
  }

  answerLink(answer) {
    const row = this.map.rows.find(
        (each) => each.abi === (answer.arch ?? otherAbi) && each.first <= answer.witness.nr &&
            answer.witness.nr <= each.last);
    return addressOf({arch: row?.abi, call: row?.key, args: answer.witness.call});
  }

  /// The calls that were asked about, with what decides them.
  asked() {
    if (this.map.answers.length === 0) return null;
    return make(
        'ul', {class: 'asked', 'aria-label': 'Calls that were asked about'},
        this.map.answers.map(
            (answer) => make(
                'li', {}, make('a', {href: this.answerLink(answer)}, make('code', {}, answer.text)),
                actionBadge(answer.action, answer.ret), byText(answer.by))));
  }

  /// The numbers of every architecture, in place of a call.
  overview() {
    const kinds =
        verdicts.filter((verdict) => this.map.rows.some((row) => row.verdict === verdict.value));
    const head = make(
        'tr', {}, make('th', {scope: 'col'}, 'Architecture'),
        kinds.map(
            (verdict) => make(
                'th', {scope: 'col', class: `figure ${verdict.value}`},
                make('span', {class: 'mark', 'aria-hidden': 'true'}, verdict.mark), verdict.text)));
    const lines = this.map.abis.filter((abi) => abi !== otherAbi).map((abi) => {
      const rows = this.map.rows.filter((row) => row.abi === abi);
      const counts =
          kinds.map((verdict) => countCalls(rows.filter((row) => row.verdict === verdict.value)));
      return [
        make(
            'tr', {}, make('th', {scope: 'row'}, make('a', {href: addressOf({arch: abi})}, abi)),
            counts.map((count) => make('td', {class: 'figure'}, String(count)))),
        make(
            'tr', {class: 'bar', 'aria-hidden': 'true'},
            make('td', {colspan: kinds.length + 1}, shareBar(kinds, counts)))
      ];
    });
    return [
      make('h2', {tabindex: -1}, 'At a glance'),
      make('table', {class: 'glance'}, make('thead', {}, head), make('tbody', {}, lines)),
      make(
          'p', {class: 'empty'},
          'Choose a call for its cases, to try arguments, and for its decision graph.')
    ];
  }

  /// Shows what the address asks for. `byHand`: the focus goes where a reader goes on.
  follow(byHand) {
    const wanted = readAddress();
    const named = wanted.get('call');
    const having = this.map.rows.find((row) => row.key === named)?.abi;
    const abi = wanted.get('arch') ?? having ?? this.abi;
    if (abi !== this.abi || !this.filter)
      this.showAbi(this.map.abis.includes(abi) ? abi : this.abi);
    const before = this.chosen;
    const row = this.map.rows.find((each) => each.abi === this.abi && each.key === named) ?? null;
    this.showCall(row, wanted.get('args'));
    if (!byHand) return;
    const wide = matchMedia('(min-width: 62rem)').matches;
    if (row)
      this.panel.querySelector('h2').focus({preventScroll: wide});
    else if (before)
      this.list.querySelector(`[data-call="${CSS.escape(before.key)}"]`)?.focus();
  }

  showAbi(abi) {
    this.abi = abi;
    for (const tab of this.tabs.children)
      tab.setAttribute('aria-selected', String(tab.dataset.abi === abi));
    const rows = this.map.rows.filter((row) => row.abi === abi);
    const chips =
        verdicts.map((verdict) => ({
                       ...verdict,
                       tone: verdict.value,
                       count: countCalls(rows.filter((row) => row.verdict === verdict.value))
                     }));
    this.filter = filterChips(
        'Verdicts', chips.filter((chip) => chip.count > 0 || chip.value !== 'undecided'),
        () => this.showMap());
    this.controls.replaceChildren(this.search.element, this.filter.element);
    this.showMap();
  }

  /// The map of the ABI at hand, of what the search and the chips leave.
  showMap() {
    const matches = this.search.matcher();
    const found = this.map.rows.filter((row) => matches(row.haystack));
    const shown = found.filter((row) => row.abi === this.abi && this.filter.accepts(row.verdict));
    const all = this.map.rows.filter((row) => row.abi === this.abi);
    this.status.textContent = shown.length === all.length ?
        `${plural(countCalls(all), 'call')} on ${this.abi}` :
        `${countCalls(shown)} of ${plural(countCalls(all), 'call')} on ${this.abi}`;
    for (const tab of this.tabs.children)
      tab.querySelector('.count').textContent = this.search.isEmpty() ?
          '' :
          String(found.filter((row) => row.abi === tab.dataset.abi).length);
    this.list.replaceChildren(
        ...verdicts
            .map(
                (verdict) => this.verdictSection(
                    verdict, shown.filter((row) => row.verdict === verdict.value)))
            .filter(Boolean));
    if (shown.length === 0) this.list.append(make('p', {class: 'empty'}, 'No call matches.'));
    for (const grid of this.list.querySelectorAll('.calls')) moveByArrows(grid, 'a');
    this.markChosen();
  }

  verdictSection(verdict, rows) {
    if (rows.length === 0) return null;
    const fixed = Map.groupBy(
        rows.filter((row) => row.cases.length <= 1), (row) => row.cases[0]?.action ?? 'not known');
    const open = rows.filter((row) => row.cases.length > 1);
    return make(
        'section', {class: `verdict ${verdict.value}`, 'data-verdict': verdict.value},
        make(
            'h2', {}, make('span', {class: 'mark', 'aria-hidden': 'true'}, verdict.mark),
            verdict.text, make('span', {class: 'count'}, String(countCalls(rows)))),
        open.length > 0 ? make('ul', {class: 'rows'}, open.map((row) => this.caseRow(row))) : null,
        [...fixed].map(
            ([action, group]) =>
                [make('h3', {}, action, make('span', {class: 'count'}, String(countCalls(group)))),
                 make(
                     'ul', {class: 'calls'},
                     group.map((row) => make('li', {}, this.callLink(row)))),
    ]));
  }

  callLink(row) {
    return make(
        'a', {
          class: row.name ? 'call' : 'call nameless',
          href: addressOf({arch: row.abi, call: row.key}),
          'data-call': row.key
        },
        make('span', {class: 'name'}, row.name ?? (row.first === row.last ? 'number' : 'numbers')),
        make('span', {class: 'number'}, rangeText(row.first, row.last)));
  }

  /// A call whose arguments matter, with its first cases in sight and the others to unfold.
  caseRow(row) {
    const lines = row.cases.map(
        (one, index) => make('li', {}, actionBadge(one.action, one.ret), caseText(row, index)));
    const folded = lines.slice(3);
    return make(
        'li', {class: 'row'}, this.callLink(row),
        make(
            'div', {}, make('ol', {class: 'cases'}, lines.slice(0, 3)),
            folded.length > 0 ?
                make(
                    'details', {}, make('summary', {}, `${plural(folded.length, 'more case')}`),
                    make('ol', {class: 'cases', start: 4}, folded)) :
                null));
  }

  markChosen() {
    for (const link of this.list.querySelectorAll('a.call')) {
      const chosen = link.dataset.call === this.chosen?.key;
      if (chosen)
        link.setAttribute('aria-current', 'true');
      else
        link.removeAttribute('aria-current');
    }
  }

  showCall(row, given) {
    this.chosen = row;
    this.markChosen();
    this.panel.classList.toggle('chosen', row !== null);
    this.panel.scrollTop = 0;
    this.panel.replaceChildren(
        ...(row === null ? this.overview() : new CallPanel(this, row, given).parts()));
  }
}

/// Shares as one bar; the table above it says them in figures.
function shareBar(kinds, counts) {
  const sum = counts.reduce((all, count) => all + count, 0);
  let at = 0;
  const parts = kinds.map((verdict, index) => {
    const width = sum === 0 ? 0 : (100 * counts[index]) / sum;
    const part = makeSvg('rect', {class: verdict.value, x: at, y: 0, width, height: 6});
    at += width;
    return part;
  });
  return makeSvg('svg', {class: 'share', viewBox: '0 0 100 6', preserveAspectRatio: 'none'}, parts);
}

/// What decides: the rule and where it stands, or the default. Null for a program's own decision.
function byText(by) {
  if (!by) return null;
  const place = by.file === undefined ? '' : `${by.file}:${by.line}: `;
  return make('span', {class: 'by'}, `by ${place}`, make('code', {}, by.text));
}

const countCalls = (rows) => rows.filter((row) => row.name !== null).length;

function caseText(row, index) {
  const last = index === row.cases.length - 1;
  if (last)
    return make(
        'span', {class: 'when'}, row.cases.length > 1 ? 'otherwise' : 'whatever the arguments');
  return make('span', {class: 'when'}, 'if ', make('code', {}, row.cases[index].when));
}

/// The document of `explain --json` as the page works with it.
function mapOf(report) {
  const rows = report.calls.map(rowOf);
  const hasOthers = rows.some((row) => row.abi === otherAbi);
  const many = report.programs.length > 1;
  const size = report.programs.map((program) => program.instructions.length).join(' + ');
  return {
    rows,
    abis: [...report.arches, ...(hasOthers ? [otherAbi] : [])],
    filters: report.programs.map(
        (program, index) => ({
          program,
          label: many ?
              `${index} of ${report.programs.length}${index === 0 ? ', the oldest' : ''}` :
              'the filter'
        })),
    answers: report.answers,
    facts: [
      ['Source', `${report.source.path} (${report.source.format})`],
      [many ? 'Filters' : 'Filter', `${size} instructions`]
    ],
  };
}
