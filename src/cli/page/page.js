// Starts the page: reads the document that the verb wrote and draws it by the verb's name.
'use strict';

(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const content = document.getElementById('content');
  setUpTheme(document.getElementById('theme'));
  setUpKeys();
  const pages = {
    explain: (known) => new ExplainPage(mapOf(read('document')), new Names(known)),
    diff: () => new DiffPage(read('document')),
    check: () => new CheckPage(read('document')),
  };
  pages[document.body.dataset.kind](read('names')).start(content);
})();
