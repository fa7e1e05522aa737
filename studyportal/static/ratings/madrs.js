// MADRS entry: keys, autosave, review. Without this file the page is a plain form that saves and signs.
(() => {
  'use strict';
  const form = document.getElementById('madrs');
  if (!form) return;
  const SAVE_AFTER_MS = 400, RETRY_AFTER_MS = 5000;
  const items = [...form.querySelectorAll('.item')];
  const links = new Map([...document.querySelectorAll('.rail a')].map((a) => [a.hash.slice(1), a]));
  const saved = document.querySelector('.save'), signing = document.getElementById('sign');
  const again = document.getElementById('again'), conflict = document.getElementById('conflict');
  const errors = document.getElementById('errors'), client = crypto.randomUUID?.() ?? String(Date.now() + Math.random());
  const token = form.querySelector('[name=csrfmiddlewaretoken]');
  let version = Number(form.dataset.version), seq = 0, timer = 0, queue = [], busy = false, leaving = false, safety = !document.querySelector('.safety').hidden;

  const chosen = (item) => item.querySelector('input[type=radio]:checked');
  const control = (item, field) => item.querySelector(`[data-field=${field}]`);
  const reason = (item) => control(item, 'missing_reason').value;
  const isDone = (item) => Boolean(chosen(item) || reason(item));
  const count = (n) => `${n} answer${n === 1 ? '' : 's'}`;
  const status = (state, text, small) => {
    saved.dataset.s = state;
    saved.querySelector('span').textContent = text;
    saved.querySelector('small').textContent = small;
  };
  const element = (tag, text, properties = {}) => Object.assign(document.createElement(tag), { textContent: text, ...properties });

  function paint() {
    for (const item of items) {
      const link = links.get(item.id), cell = link.querySelector('.v'), radio = chosen(item);
      cell.className = 'v' + (radio ? ' on' : reason(item) ? ' na' : '');
      cell.textContent = radio ? radio.value : reason(item) ? 'N/A' : '–';
      if (isDone(item)) {
        item.classList.remove('err');
        link.classList.remove('err');
        item.querySelector('.errmsg')?.remove();
      }
      const hush = item.querySelector('.hush');
      if (hush) hush.hidden = !(safety || (item.dataset.alert && radio && Number(radio.value) >= Number(item.dataset.alert)));
    }
    document.querySelectorAll('[data-done]').forEach((e) => { e.textContent = items.filter(isDone).length; });
  }

  // Autosave: a throttle, not a debounce, since steady typing must not postpone the save.
  function push(item, field, value) {
    queue.push({ seq: ++seq, at: new Date().toISOString(), item: Number(item.dataset.n), field, value });
    if (!timer) timer = setTimeout(flush, SAVE_AFTER_MS);
  }
  const post = (url, body, headers = {}) => fetch(url, {
    method: 'POST', credentials: 'same-origin', body: JSON.stringify(body),
    headers: { 'Content-Type': 'application/json', Accept: 'application/json', 'X-CSRFToken': token.value, ...headers },
  });
  async function flush() {
    clearTimeout(timer);
    timer = 0;
    if (!queue.length || busy || again.open || conflict.open) return; // two requests in flight would refuse each other
    busy = true;
    const batch = queue.slice();
    let wait = 0;
    try {
      const answer = await post(form.dataset.autosave, { client, changes: batch }, { 'If-Match': `"v${version}"` });
      if (answer.redirected || answer.status === 401 || answer.status === 403) {
        status('offline', 'Signed out', `${count(queue.length)} waiting on this page. Sign in again to save.`);
        again.showModal();
      } else if (answer.status === 409 || answer.status === 412) {
        choose(await answer.json());
      } else if (answer.status === 422) {
        queue = queue.slice(batch.length);
        const refused = (await answer.json()).errors ?? [];
        show(refused.map((e) => ({ item: items.find((i) => Number(i.dataset.n) === e.item), text: e.message })));
        status('offline', 'Not saved', 'See the list at the top of the page');
      } else if (!answer.ok) {
        throw new Error(String(answer.status));
      } else {
        const body = await answer.json();
        const accepted = new Set(body.accepted ?? batch.map((c) => c.seq));
        version = body.version;
        safety = body.safety ?? safety;
        queue = queue.filter((c) => !accepted.has(c.seq));
        if (queue.length && !accepted.size) wait = RETRY_AFTER_MS;
        status('ok', `Saved ${body.saved_at}`, `Draft version ${version} on the server`);
        paint();
      }
    } catch {
      status('offline', 'Not connected', `${count(queue.length)} waiting on this page, will retry`);
      wait = RETRY_AFTER_MS;
    } finally {
      busy = false;
    }
    if (wait) timer = setTimeout(flush, wait);
    else if (queue.length) flush();
  }

  function choose({ version: newest, conflicts = [] }) {
    version = newest ?? version;
    if (!conflicts.length) { timer = setTimeout(flush, SAVE_AFTER_MS); return; }
    const box = conflict.querySelector('[data-conflicts]');
    box.replaceChildren(...conflicts.map((c, i) => {
      const set = element('fieldset', '', { className: 'choice' });
      set.append(element('legend', `Item ${c.item}, ${c.field.replace('_', ' ')}`));
      for (const [side, words] of [['yours', 'This page'], ['server', 'Other window']]) {
        const label = element('label', ''), radio = element('input', '', { type: 'radio', name: `conflict${i}`, value: side, checked: side === 'server' });
        label.append(radio, ` ${words}: ${c[side] ?? 'empty'}`);
        set.append(label);
      }
      return set;
    }));
    conflict.onclose = () => {
      conflicts.forEach((c, i) => {
        const side = box.querySelector(`[name=conflict${i}]:checked`).value;
        if (side === 'yours') return; // stays in the queue and goes out with the new version
        queue = queue.filter((q) => q.item !== c.item || q.field !== c.field);
        const item = items.find((e) => Number(e.dataset.n) === c.item);
        if (c.field === 'value') item.querySelectorAll('[data-field=value]').forEach((r) => { r.checked = r.value === String(c.server); });
        else control(item, c.field).value = c.server ?? '';
      });
      paint();
      flush();
    };
    conflict.showModal();
  }

  again.querySelector('form').addEventListener('submit', async (event) => {
    event.preventDefault();
    const password = document.getElementById('again-password'), error = again.querySelector('.errmsg');
    try {
      const answer = await post('/account/reauth/', { username: password.dataset.username, password: password.value });
      if (!answer.ok) throw new Error((await answer.json()).detail ?? 'The password was not accepted. Try again.');
      token.value = (await answer.json().catch(() => ({}))).csrf_token ?? token.value;
      password.value = '';
      error.hidden = true;
      again.close();
      flush();
    } catch (e) {
      error.textContent = e instanceof TypeError ? 'Not connected. Try again in a moment.' : e.message;
      error.hidden = false;
      password.focus();
    }
  });
  again.querySelector('[data-close]').addEventListener('click', () => again.close());

  form.addEventListener('change', (event) => {
    const item = event.target.closest('.item'), field = event.target.dataset.field;
    if (!item || !field) return;
    if (field === 'value' && reason(item)) {
      control(item, 'missing_reason').value = '';
      push(item, 'missing_reason', '');
    }
    if (field === 'missing_reason' && event.target.value && chosen(item)) {
      chosen(item).checked = false;
      push(item, 'value', null);
    }
    push(item, field, field === 'value' ? Number(event.target.value) : event.target.value);
    paint();
  });

  function go(index) {
    const item = items[Math.max(0, Math.min(items.length - 1, index))];
    item.scrollIntoView({ block: 'start' });
    (chosen(item) ?? item).focus({ preventScroll: true }); // never a ring on 0: it would read as a suggested score
  }
  // Keys act only while focus is inside an item (WCAG 2.1.4).
  form.addEventListener('keydown', (event) => {
    const item = event.target.closest('.item');
    if (event.target.closest('#sign') && event.key === 'Enter' && event.target.matches('input')) {
      event.preventDefault();
      document.getElementById('do-sign').click();
      return;
    }
    if (!item || event.ctrlKey || event.altKey || event.metaKey || event.target.matches('textarea,select')) return;
    const index = items.indexOf(item);
    if (/^[0-6]$/.test(event.key)) {
      event.preventDefault();
      if (event.repeat) return; // a held key must not fill the form
      const radio = item.querySelector(`input[value="${event.key}"]`);
      radio.checked = true;
      radio.dispatchEvent(new Event('change', { bubbles: true }));
      document.getElementById('live').textContent = `${item.dataset.name}: ${event.key}`;
      const next = items.findIndex((e, i) => i > index && !isDone(e));
      if (form.dataset.advance === 'on' && next > -1) go(next); // in the same tick: a fast next digit belongs there
      else radio.focus();
      return;
    }
    if (event.key === 'PageDown') go(index + 1);
    else if (event.key === 'PageUp') go(index - 1);
    else if (event.key === 'n' || event.key === 'm') item.querySelector(`[data-open=${event.key}]`).click();
    else return;
    event.preventDefault();
  });
  form.addEventListener('focusin', (event) => {
    const item = event.target.closest('.item');
    if (item) links.forEach((a, id) => (id === item.id ? a.setAttribute('aria-current', 'true') : a.removeAttribute('aria-current')));
  });
  const follow = (event) => {
    const link = event.target.closest('a[href^="#i"]');
    if (!link) return;
    event.preventDefault();
    go(items.findIndex((e) => `#${e.id}` === link.hash));
  };
  document.querySelector('.rail').addEventListener('click', follow);
  errors.addEventListener('click', follow);
  form.addEventListener('click', (event) => {
    const button = event.target.closest('[data-open]');
    if (!button) return;
    const box = document.getElementById(button.getAttribute('aria-controls'));
    box.hidden = !box.hidden;
    button.setAttribute('aria-expanded', String(!box.hidden));
    if (!box.hidden) box.querySelector('select,textarea').focus();
  });

  function show(faults) {
    errors.hidden = !faults.length;
    errors.querySelector('ul').replaceChildren(...faults.map(({ item, text }) => {
      const line = element('li', '');
      line.append(item ? element('a', text, { href: `#${item.id}` }) : text);
      return line;
    }));
    if (faults.length) { errors.focus(); window.scrollTo({ top: 0 }); }
  }
  function review() {
    const open = items.filter((item) => !isDone(item));
    for (const item of open) {
      item.classList.add('err');
      links.get(item.id).classList.add('err');
      if (item.querySelector('.errmsg')) continue;
      item.querySelector('.def').after(element('p', 'Choose a score from 0 to 6, or say why the item was not assessed', { className: 'errmsg', id: `${item.id}-e` }));
      item.setAttribute('aria-describedby', `${item.id}-d ${item.id}-e`);
    }
    show(open.map((item) => ({ item, text: `Item ${item.dataset.n}: ${item.dataset.name} has no score and no reason` })));
    if (open.length) return;
    signing.querySelector('.sl').replaceChildren(...items.map((item) => {
      const line = element('li', `${item.dataset.n}. ${item.dataset.name}`);
      line.append(element('b', chosen(item)?.value ?? 'N/A'));
      return line;
    }));
    signing.querySelector('.safety').hidden = items.every((item) => item.querySelector('.hush')?.hidden ?? true);
    signing.showModal();
  }
  document.getElementById('review').addEventListener('click', review);
  document.getElementById('back').addEventListener('click', () => signing.close());
  form.addEventListener('submit', async (event) => {
    if (event.submitter?.id === 'do-sign' && queue.length) { // what is signed must be what the server has
      event.preventDefault();
      await flush();
      if (queue.length) signing.close(); // the save line behind it says why
      else form.requestSubmit(event.submitter);
      return;
    }
    leaving = true;
  });
  window.addEventListener('online', flush);
  window.addEventListener('beforeunload', (event) => { if (queue.length && !leaving) event.preventDefault(); });
  document.addEventListener('visibilitychange', () => { if (document.hidden) flush(); });

  signing.close();
  form.querySelectorAll('.more.closed').forEach((box) => { box.hidden = true; });
  paint();
})();
