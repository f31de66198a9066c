// Elements, small controls and the state that the address keeps. Text reaches the page by
// textContent and attributes only: nothing that a document holds is ever read as HTML.
'use strict';

const svgNames = 'http://www.w3.org/2000/svg';

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on'))
      element.addEventListener(name.slice(2), value);
    else if (value === true)
      element.setAttribute(name, '');
    else if (value !== false && value !== undefined && value !== null)
      element.setAttribute(name, value);
  }
  element.append(...children.flat(Infinity).filter(
      (child) => child !== null && child !== undefined && child !== false));
  return element;
}

/// make("p", {class: "note", onclick: f}, "text", other): attributes that are false are left out.
function make(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}
function makeSvg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(svgNames, tag), attributes, children);
}

const plural = (count, one, many = one + 's') => `${count} ${count === 1 ? one : many}`;

/// Buttons that are in or out, each with its count: what is pressed is shown. None pressed: all.
function filterChips(label, chips, changed) {
  const pressed = new Set();
  const box = make('div', {class: 'chips', role: 'group', 'aria-label': label});
  for (const chip of chips) {
    const button = make(
        'button', {
          type: 'button',
          class: `chip ${chip.tone ?? ''}`,
          'aria-pressed': 'false',
          'data-chip': chip.value,
          title: chip.title,
          disabled: chip.count === 0
        },
        chip.mark ? make('span', {class: 'mark', 'aria-hidden': 'true'}, chip.mark) : null,
        chip.text, make('span', {class: 'count'}, String(chip.count)));
    button.addEventListener('click', () => {
      if (!pressed.delete(chip.value)) pressed.add(chip.value);
      button.setAttribute('aria-pressed', String(pressed.has(chip.value)));
      changed();
    });
    box.append(button);
  }
  return {element: box, accepts: (value) => pressed.size === 0 || pressed.has(value)};
}

/// A search box. All words must occur, in any order, whatever their case.
function searchBox(label, hint, changed) {
  const input = make('input', {
    type: 'search',
    id: 'search',
    placeholder: hint,
    autocomplete: 'off',
    spellcheck: 'false',
    oninput: () => changed()
  });
  const words = () => input.value.toLowerCase().split(/\s+/).filter((word) => word !== '');
  return {
    element: make(
        'label', {class: 'search'}, make('span', {class: 'unseen'}, label), input,
        make('kbd', {'aria-hidden': 'true', title: 'Press / to search'}, '/')),
    input,
    isEmpty: () => words().length === 0,
    matcher: () => {
      const wanted = words();
      return (text) => wanted.every((word) => text.includes(word));
    },
  };
}

/// Arrow keys, Home and End move among the elements of `selector` within `box`; Tab leaves it.
function moveByArrows(box, selector) {
  const items = () => [...box.querySelectorAll(selector)].filter((item) => !item.hidden);
  const settle = (chosen) =>
      items().forEach((item) => item.setAttribute('tabindex', item === chosen ? '0' : '-1'));
  settle(items()[0]);
  box.addEventListener('focusin', (event) => {
    const item = event.target.closest(selector);
    if (item) settle(item);
  });
  box.addEventListener('keydown', (event) => {
    const all = items();
    const at = all.indexOf(event.target.closest(selector));
    if (at < 0) return;
    const to = {
      ArrowRight: at + 1,
      ArrowDown: at + 1,
      ArrowLeft: at - 1,
      ArrowUp: at - 1,
      Home: 0,
      End: all.length - 1
    }[event.key];
    if (to === undefined || !all[to]) return;
    event.preventDefault();
    all[to].focus();
  });
}

/// What the address says after #: "arch=x86_64&call=openat".
function readAddress() {
  return new URLSearchParams(location.hash.slice(1));
}
function addressOf(values) {
  const kept = Object.entries(values).filter(
      ([, value]) => value !== undefined && value !== null && value !== '');
  return '#' + new URLSearchParams(kept).toString();
}

function setUpTheme(button) {
  const prefersDark = matchMedia('(prefers-color-scheme: dark)');
  const root = document.documentElement;
  const isDark = () => (root.dataset.theme ?? (prefersDark.matches ? 'dark' : 'light')) === 'dark';
  const show = () => {
    button.textContent = isDark() ? 'Light' : 'Dark';
    button.setAttribute('aria-label', isDark() ? 'Use light colours' : 'Use dark colours');
  };
  const keep = (theme) => {
    try {
      if (theme) localStorage.setItem('callgate-theme', theme);
      return localStorage.getItem('callgate-theme');
    } catch {
      return null;  // a browser that keeps nothing for files
    }
  };
  const kept = keep();
  if (kept === 'dark' || kept === 'light') root.dataset.theme = kept;
  button.addEventListener('click', () => {
    root.dataset.theme = isDark() ? 'light' : 'dark';
    keep(root.dataset.theme);
    show();
  });
  prefersDark.addEventListener('change', show);
  show();
}

function setUpKeys() {
  document.addEventListener('keydown', (event) => {
    const search = document.getElementById('search');
    if (!search || event.ctrlKey || event.altKey || event.metaKey) return;
    const typing = event.target.closest('input, textarea, select');
    if (event.key === '/' && !typing) {
      event.preventDefault();
      search.focus();
    } else if (event.key === 'Escape' && event.target === search && search.value !== '') {
      event.preventDefault();
      search.value = '';
      search.dispatchEvent(new Event('input', {bubbles: true}));
    }
  });
}
