/* Certificate Watch: the few behaviours that HTML does not give. No dependencies, no inline handlers, no texts of its
   own. Every listener sits on the document, so it works on content that htmx swaps in later. */
(function () {
  'use strict';
  var root = document.documentElement;
  root.classList.add('js');  /* before the body is read: what needs script appears, what replaces it does not flash */

  if (!navigator.clipboard) root.classList.add('no-copy');  /* at a plain http address: buttons that could not copy go */

  function say(text) { var live = document.getElementById('cw-live'); if (live) live.textContent = text; }

  document.addEventListener('click', function (e) {
    openMenus().forEach(function (menu) { if (!menu.contains(e.target)) menu.open = false; });
    var t = e.target.closest('[data-copy],[data-menu],[role=tab]');
    if (!t) return;
    if (t.hasAttribute('data-copy')) copy(t);
    else if (t.hasAttribute('data-menu')) toggle(t);
    else pick(t);
  });

  /* Menus are <details>: a click elsewhere and Esc close them. */
  function openMenus() { return document.querySelectorAll('details[open]:has(> .dropdown-menu)'); }

  function copy(button) {
    var source = document.querySelector(button.dataset.copy), label = button.querySelector('span');
    if (!source) return;
    navigator.clipboard.writeText((source.value || source.textContent).trim()).then(function () {
      var was = label.textContent;
      say(button.dataset.done);
      if (was === button.dataset.done) return;
      label.textContent = button.dataset.done;
      setTimeout(function () { label.textContent = was; }, 1600);
    });
  }

  function toggle(button) {
    var open = document.getElementById(button.dataset.menu).classList.toggle('show');
    button.setAttribute('aria-expanded', open);
  }

  /* Tabs: a click or the arrow keys show one panel and hide its neighbours. */
  function pick(tab) {
    tab.closest('[role=tablist]').querySelectorAll('[role=tab]').forEach(function (other) {
      var on = other === tab;
      other.setAttribute('aria-selected', on);
      other.tabIndex = on ? 0 : -1;
      document.getElementById(other.getAttribute('aria-controls')).classList.toggle('on', on);
    });
  }

  document.addEventListener('keydown', function (e) {
    var tab = e.target.closest && e.target.closest('[role=tab]'), step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
    if (tab && step) {
      var tabs = Array.from(tab.closest('[role=tablist]').querySelectorAll('[role=tab]'));
      var next = tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length];
      pick(next); next.focus(); e.preventDefault();
    }
    if (e.key === 'Escape') {
      var opener = document.querySelector('[data-menu][aria-expanded=true]');
      if (opener) { toggle(opener); opener.focus(); }
      openMenus().forEach(function (menu) { menu.open = false; menu.querySelector('summary').focus(); });
    }
    if (e.key === '/' && !e.ctrlKey && !e.metaKey && !e.altKey && !writes(e.target)) {
      var search = document.querySelector('[data-key="/"]');
      if (search) { search.focus(); e.preventDefault(); }
    }
  });

  /* Whether keys are text, or a choice, where the focus is. */
  function writes(el) { return /^(TEXTAREA|SELECT)$/.test(el.tagName) || el.tagName === 'INPUT' && el.type !== 'checkbox'; }

  /* Rows of a list: how many are selected, all of a page, and single keys while the focus is in the list. */
  function rowsOf(scope) { return Array.from(scope.querySelectorAll('tbody input[type=checkbox]')); }

  function countRows(scope) {
    var boxes = rowsOf(scope), on = boxes.filter(function (box) { return box.checked; }).length;
    var all = scope.querySelector('[data-all]'), bar = scope.querySelector('.cw-bulk'), number = scope.querySelector('[data-n]');
    if (all) { all.checked = on > 0 && on === boxes.length; all.indeterminate = on > 0 && on < boxes.length; }
    if (number) number.textContent = on;
    if (bar) bar.hidden = on === 0;
  }

  document.addEventListener('change', function (e) {
    var scope = e.target.closest('[data-rows]');
    if (!scope || e.target.type !== 'checkbox') return;
    if (e.target.matches('[data-all]')) rowsOf(scope).forEach(function (box) { box.checked = e.target.checked; });
    countRows(scope);
  });

  function countAll() { document.querySelectorAll('[data-rows]').forEach(countRows); }
  document.addEventListener('DOMContentLoaded', countAll);
  document.addEventListener('htmx:load', countAll);

  document.addEventListener('keydown', function (e) {
    var scope = e.target.closest && e.target.closest('[data-rows][data-shortcuts]');
    if (!scope || e.ctrlKey || e.metaKey || e.altKey || writes(e.target)) return;
    var links = Array.from(scope.querySelectorAll('tbody tr:not(:has([data-row])) a.cw-num, tbody a[data-row]'));
    var row = e.target.closest('tbody tr'), here = links.findIndex(function (link) { return row && row.contains(link); });
    if (e.key === 'j' && links.length) links[Math.min(here + 1, links.length - 1)].focus();
    if (e.key === 'k' && links.length) links[Math.max(here - 1, 0)].focus();
    var box = e.key === 'x' && row && row.querySelector('input[type=checkbox]');
    if (box) box.click();
  });

  /* The theme's form: the page changes at once, the server keeps the choice. */
  document.addEventListener('submit', function (e) {
    if (!e.target.matches('[data-theme]') || !e.submitter) return;
    e.preventDefault();
    fetch(e.target.action, { method: 'POST', body: new FormData(e.target, e.submitter), redirect: 'manual' });
    root.dataset.bsTheme = e.submitter.value;
    var other = e.target.querySelector('button:not([value=' + e.submitter.value + '])');
    if (other) other.focus();
  });

  /* Passkeys belong to a name, never to a number, and need https or localhost. */
  var passkeys = !!window.PublicKeyCredential && !/^(\[|[\d.]+$)/.test(location.hostname);
  function failed() {
    document.querySelectorAll('[data-passkey-failed]').forEach(function (line) { line.hidden = false; });
  }
  document.addEventListener('allauth.error', function (e) { e.preventDefault(); failed(); });

  document.addEventListener('DOMContentLoaded', function () {
    document.querySelectorAll(passkeys ? '[data-passkeys]' : '[data-no-passkeys]').forEach(function (part) { part.hidden = false; });

    /* the menu of a long page marks the section that is read */
    var links = Array.from(document.querySelectorAll('[data-sections] a')), sections = links.map(function (a) {
      return document.querySelector(a.hash);
    });
    function mark() {
      var reached = 0;
      sections.forEach(function (s, i) { if (s.getBoundingClientRect().top < innerHeight / 3) reached = i; });
      if (innerHeight + scrollY >= root.scrollHeight - 2) reached = links.length - 1;
      links.forEach(function (a, i) { if (i === reached) a.setAttribute('aria-current', 'true'); else a.removeAttribute('aria-current'); });
    }
    if (links.length) { document.addEventListener('scroll', mark, { passive: true }); mark(); }
  });
})();
