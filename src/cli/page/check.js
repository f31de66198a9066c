// `check`: findings by severity, each with its place, fix and witness.
'use strict';

const severities = [
  {value: 'error', text: 'errors', one: 'error', mark: '✕'},
  {value: 'warning', text: 'warnings', one: 'warning', mark: '!'},
  {value: 'note', text: 'notes', one: 'note', mark: 'i'},
];

const isAccepted = (finding) => finding.accepted !== undefined && finding.accepted !== null;

class CheckPage {
  constructor(report) {
    this.files = report.files;
    this.findings = report.files.flatMap(
        (file) => file.findings.map((finding) => this.findingOf(finding, file)));
    this.accepted = this.findings.filter(isAccepted);
    this.search = searchBox(
        'Search findings', 'Search: an id, a call, a word of the message', () => this.show());
    const open = this.findings.filter((finding) => !isAccepted(finding));
    this.filter = filterChips(
        'Severities',
        severities.map((each) => ({
                         ...each,
                         tone: each.value,
                         count: open.filter((finding) => finding.severity === each.value).length
                       })),
        () => this.show());
    const ids = [...new Set(this.findings.map((finding) => finding.id).filter(Boolean))].sort();
    this.idChoice = make(
        'select', {id: 'ids', onchange: () => this.show()}, make('option', {value: ''}, 'every id'),
        ids.map(
            (id) => make(
                'option', {value: id},
                `${id} (${this.findings.filter((finding) => finding.id === id).length})`)));
    this.showsAccepted =
        make('input', {type: 'checkbox', id: 'accepted', onchange: () => this.show()});
    this.status = make('p', {class: 'status', role: 'status'});
    this.list = make('div', {id: 'findings'});
  }

  findingOf(finding, file) {
    const texts = [
      finding.id, finding.severity, finding.message, finding.hint, finding.file ?? file.path,
      JSON.stringify(finding)
    ];
    return {...finding, path: file.path, haystack: texts.filter(Boolean).join(' ').toLowerCase()};
  }

  start(content) {
    content.append(
        make(
            'dl', {class: 'facts'},
            this.files.map(
                (file) =>
                    make('div', {}, make('dt', {}, file.path), make('dd', {}, this.about(file))))),
        make(
            'div', {class: 'controls'}, this.search.element,
            make(
                'div', {class: 'choices'}, this.filter.element,
                make('label', {}, make('span', {class: 'unseen'}, 'Id'), this.idChoice),
                this.accepted.length > 0 ? make(
                                               'label', {class: 'switch'}, this.showsAccepted,
                                               ` show ${this.accepted.length} accepted`) :
                                           null)),
        this.status, this.list);
    addEventListener('hashchange', () => this.follow());
    this.follow();
  }

  about(file) {
    const known = file.known > 0 ? [`${file.known} left out, which the older version has too`] : [];
    return [...file.arches, ...known].join(', ');
  }

  /// #id=... shows the findings of that id.
  follow() {
    const id = readAddress().get('id');
    if (id !== null && [...this.idChoice.options].some((option) => option.value === id))
      this.idChoice.value = id;
    this.show();
  }

  show() {
    const matches = this.search.matcher();
    const shown = this.findings.filter(
        (finding) => matches(finding.haystack) && this.filter.accepts(finding.severity) &&
            (this.idChoice.value === '' || finding.id === this.idChoice.value) &&
            (!isAccepted(finding) || this.showsAccepted.checked));
    this.status.textContent = `${shown.length} of ${plural(this.findings.length, 'finding')}`;
    this.list.replaceChildren(...severities.flatMap(
        (severity) => shown.filter((finding) => finding.severity === severity.value)
                          .map((finding) => this.article(finding, severity))));
    if (shown.length === 0)
      this.list.append(make(
          'p', {class: 'empty'},
          this.findings.length === 0 ? 'Nothing was found.' : 'No finding matches.'));
  }

  article(finding, severity) {
    const facts = [
      [
        'such as',
        finding.witness ?
            [
              make('code', {}, finding.witness.witness.call),
              actionBadge(finding.witness.action, finding.witness.ret)
            ] :
            null
      ],
      ['fix', finding.fix], ['accepted', isAccepted(finding) ? finding.accepted : null]
    ].filter(([, value]) => value);
    return make(
        'article', {
          class: `finding ${finding.severity}${isAccepted(finding) ? ' accepted' : ''}`,
          'data-id': finding.id
        },
        make(
            'header', {},
            make(
                'span', {class: 'action'},
                make('span', {class: 'mark', 'aria-hidden': 'true'}, severity.mark), severity.one),
            finding.id ? make('a', {class: 'id', href: addressOf({id: finding.id})}, finding.id) :
                         null,
            make('span', {class: 'place'}, this.place(finding))),
        make('p', {class: 'message'}, finding.message),
        facts.length > 0 ? make(
                               'dl', {},
                               facts.map(
                                   ([name, value]) =>
                                       [make('dt', {}, name),
                                        make('dd', {class: name === 'fix' ? 'fix' : ''}, value)])) :
                           null);
  }

  place(finding) {
    const file = finding.file ?? finding.path;
    return finding.line === undefined ? file : `${file}:${finding.line}:${finding.column}`;
  }
}
