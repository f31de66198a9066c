// `diff`: what changes, the two sides beside one another, and the names that one side lacks.
'use strict';

const directions = [
  {
    value: 'looser',
    text: 'looser',
    mark: '▲',
    tone: 'refused',
    title: 'The second source lets more through.'
  },
  {
    value: 'stricter',
    text: 'stricter',
    mark: '▼',
    tone: 'allowed',
    title: 'The second source lets less through.'
  },
  {
    value: 'other',
    text: 'other',
    mark: '◆',
    tone: 'delegated',
    title: 'Another answer of the same rank, such as another errno.'
  },
];

class DiffPage {
  constructor(report) {
    this.report = report;
    this.parts = report.across ?? [report];
    this.permissions = new Map(['allowed', 'delegated', 'denied'].map((name) => [name, name]));
    for (const part of this.parts)
      for (const change of part.changes)
        for (const side of [change.from, change.to])
          this.permissions.set(side.action, side.permission);
    this.rows = this.parts.flatMap((part) => part.rows.map((row) => this.rowOf(row, part)));
    this.search = searchBox(
        'Search differences', 'Search: a call, a condition, an answer', () => this.show());
    const count = (value) => this.rows.filter((row) => row.direction === value).length;
    this.filter = filterChips(
        'Directions', directions.map((each) => ({...each, count: count(each.value)})),
        () => this.show());
    const abis = [...new Set(this.parts.flatMap((part) => part.arches))];
    this.abiFilter = abis.length > 1 ?
        filterChips(
            'Architectures',
            abis.map((abi) => ({
                       value: abi,
                       text: abi,
                       count: this.rows.filter((row) => row.on.includes(abi)).length
                     })),
            () => this.show()) :
        null;
    this.status = make('p', {class: 'status', role: 'status'});
    this.tables = make('div', {id: 'changes'});
  }

  rowOf(row, part) {
    const on = row.other_architectures ? [] : row.arches.length > 0 ? row.arches : part.arches;
    const numbers = row.numbers.map(({first, last}) => rangeText(first, last));
    const all = [
      row.text, ...row.calls, ...numbers, row.when, row.from, row.to, row.direction,
      row.witness.call
    ];
    return {...row, part, on, numbers, haystack: all.join(' ').toLowerCase()};
  }

  start(content) {
    content.append(
        make(
            'dl', {class: 'facts'},
            this.facts().map(
                ([name, value]) => make('div', {}, make('dt', {}, name), make('dd', {}, value)))),
        this.verdict());
    if (this.rows.length > 0)
      content.append(
          make(
              'div', {class: 'controls'}, this.search.element,
              make('div', {class: 'choices'}, this.filter.element, this.abiFilter?.element)),
          this.status, this.tables);
    for (const part of this.parts) content.append(...this.lists(part).filter(Boolean));
    this.show();
  }

  facts() {
    const side = ({path, format, arches}) => `${path} (${[format, ...arches].join(', ')})`;
    return [
      ['First', side(this.report.left)], ['Second', side(this.report.right)],
      [
        'Compared',
        this.report.compared === 'permission' ? 'allowed, delegated or denied' : 'every answer'
      ],
      ['Not compared of the first', (this.report.left_alone ?? []).join(', ')],
      ['Not compared of the second', (this.report.right_alone ?? []).join(', ')]
    ].filter(([, value]) => value !== '');
  }

  verdict() {
    const {equal, proved, across} = this.report;
    const isLooser = this.rows.some((row) => row.direction === 'looser');
    const why = proved ? 'This is proved, for every argument.' :
        across         ? 'Calls and parameters were compared by name: this is not a proof.' :
                         'Some calls are past the budget of the proof.';
    const result = equal ? (across ? 'No difference was seen.' : 'No difference.') :
        isLooser         ? 'The second source lets through what the first does not.' :
        proved           ? 'The second source is nowhere looser than the first.' :
                           'Nothing looser was seen.';
    return make('p', {class: 'result'}, make('b', {}, result), ' ', why);
  }

  show() {
    const matches = this.search.matcher();
    const shown = this.rows.filter(
        (row) => matches(row.haystack) && this.filter.accepts(row.direction) &&
            (!this.abiFilter || row.on.length === 0 ||
             row.on.some((abi) => this.abiFilter.accepts(abi))));
    this.status.textContent = shown.length === this.rows.length ?
        plural(shown.length, 'difference') :
        `${shown.length} of ${plural(this.rows.length, 'difference')}`;
    this.tables.replaceChildren(
        ...this.parts.map((part) => this.table(part, shown.filter((row) => row.part === part)))
            .filter(Boolean));
    if (shown.length === 0 && this.rows.length > 0)
      this.tables.append(make('p', {class: 'empty'}, 'No difference matches.'));
  }

  table(part, rows) {
    if (rows.length === 0) return null;
    const name = (path, abi) => (this.report.across ? `${path} on ${abi}` : path);
    const heads = [
      'Direction', 'Call', 'When', name(this.report.left.path, part.left),
      name(this.report.right.path, part.right), 'Such a call'
    ];
    return make(
        'table', {class: 'changes'},
        make('thead', {}, make('tr', {}, heads.map((head) => make('th', {scope: 'col'}, head)))),
        make('tbody', {}, rows.map((row) => this.line(row, heads))));
  }

  line(row, heads) {
    const direction = directions.find((each) => each.value === row.direction);
    const cells = [
      make(
          'span', {class: `direction ${direction.tone}`},
          make('span', {class: 'mark', 'aria-hidden': 'true'}, direction.mark), direction.text),
      this.subject(row),
      row.when === 'true' ? make('span', {class: 'when'}, 'whatever the arguments') :
                            make('code', {}, row.when),
      this.badge(row.from), this.badge(row.to), make('code', {}, row.witness.call)
    ];
    return make(
        'tr', {'data-direction': row.direction},
        cells.map(
            (cell, index) => make('td', {'data-head': heads[index].replace(/.*\//, '')}, cell)));
  }

  badge(action) {
    const permission = this.permissions.get(action) ?? 'denied';
    const verdict = verdictOf(permission === 'denied' ? 'refused' : permission);
    return make(
        'span', {class: `action ${verdict.value}`},
        make('span', {class: 'mark', 'aria-hidden': 'true'}, verdict.mark), action);
  }

  /// What a row is about; many calls are folded.
  subject(row) {
    const names = [...row.calls, ...row.numbers];
    const where = row.arches.length > 0 ?
        make('span', {class: 'where'}, ` on ${row.arches.join(', ')}`) :
        null;
    if (names.length <= 6 || row.text === names.join(', '))
      return make('span', {}, make('b', {}, row.text), where);
    return make(
        'details', {}, make('summary', {}, make('b', {}, row.text), where),
        make('p', {}, names.join(', ')));
  }

  lists(part) {
    const list = (title, names, id) =>
        (names?.length > 0 ?
             make(
                 'section', {class: 'names', id},
                 make('h2', {}, title, make('span', {class: 'count'}, String(names.length))),
                 make(
                     'ul', {class: 'calls'},
                     names.map((name) => make('li', {}, make('code', {}, name))))) :
             null);
    return [
      list('Past the budget of the proof, taken for different', part.undecided, 'undecided'),
      list(`Only ${part.left} has`, part.only_left, 'only-left'),
      list(`Only ${part.right} has`, part.only_right, 'only-right'),
      list('Not compared: their tests cannot be carried over', part.untestable, 'untestable')
    ];
  }
}
