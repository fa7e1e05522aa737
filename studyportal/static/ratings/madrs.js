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
  const token = form.querySelector('[name=csrfmiddlewaretoken]'), known = form.querySelector('[name=version]');
  const PART = { value: 'answer', missing_reason: 'answer', note: 'note' };
  let version = Number(known.value), seq = 0, timer = 0, queue = [], busy = false, leaving = false, stopped = false;
  let safety = !document.querySelector('.safety').hidden, lastSaid = Date.now();

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
        item.setAttribute('aria-describedby', `${item.id}-d`);
      }
      const hush = item.querySelector('.hush');
      if (hush) hush.hidden = !(safety || (item.dataset.alert && radio && Number(radio.value) >= Number(item.dataset.alert)));
    }
    document.querySelectorAll('.bar10 i').forEach((e, i) => e.classList.toggle('on', isDone(items[i])));
    document.querySelectorAll('[data-done]').forEach((e) => { e.textContent = items.filter(isDone).length; });
  }

  // Autosave: a throttle, not a debounce, since steady typing must not postpone the save.
  function push(item, field, value) {
    queue.push({ seq: ++seq, at: new Date().toISOString(), item: Number(item.dataset.n), field, value });
    saved.dataset.waiting = queue.length;
    if (!timer) timer = setTimeout(flush, SAVE_AFTER_MS);
  }
  // Gone for good only when the browser is: a request that outlives the page still reaches the server.
  const post = (url, body, headers = {}) => fetch(url, {
    method: 'POST', credentials: 'same-origin', body: JSON.stringify(body), keepalive: true,
    headers: { 'Content-Type': 'application/json', Accept: 'application/json', 'X-CSRFToken': token.value, ...headers },
  });
  const json = (answer) => answer.json().catch(() => ({})); // a proxy's or Django's own page is no JSON
  function know(newest) {
    version = newest;
    known.value = newest; // the plain form, which signs, names the version that this page shows
  }
  async function flush() {
    clearTimeout(timer);
    timer = 0;
    if (!queue.length || busy || stopped || again.open || conflict.open) return; // two in flight would refuse each other
    busy = true;
    const batch = queue.slice();
    let wait = 0;
    try {
      const answer = await post(form.dataset.autosave, { client, changes: batch }, { 'If-Match': `"v${version}"` });
      const isJson = (answer.headers.get('Content-Type') ?? '').includes('json');
      const body = await json(answer);
      lastSaid = Date.now();
      if (answer.redirected || answer.status === 401 || (answer.status === 403 && !isJson)) {
        signedOut();
      } else if (answer.status === 412) {
        choose(body);
      } else if (answer.status === 422) {
        refuse(body, batch);
      } else if (answer.status >= 400 && answer.status < 500) { // signed, taken away, of another person: repeating helps nobody
        stopped = true;
        status('offline', 'Not saved', `${count(queue.length)} only on this page. See the list at the top.`);
        show([{ text: body.detail ?? 'The server refused to save. Reload the page.' }]);
      } else if (!answer.ok) {
        throw new Error(String(answer.status));
      } else {
        const accepted = new Set(body.accepted ?? batch.map((c) => c.seq));
        safety = body.safety ?? safety;
        queue = queue.filter((c) => !accepted.has(c.seq));
        if (queue.length && !accepted.size) wait = RETRY_AFTER_MS;
        status('ok', `Saved ${body.saved_at}`, `Draft version ${body.version} on the server`);
        const clashes = merge(body.others ?? []);
        know(body.version);
        paint();
        if (clashes.length) choose({ version: body.version, conflicts: clashes, others: body.others });
      }
    } catch {
      status('offline', 'Not connected', `${count(queue.length)} waiting on this page, will retry`);
      wait = RETRY_AFTER_MS;
    } finally {
      busy = false;
      saved.dataset.waiting = queue.length;
    }
    if (wait) timer = setTimeout(flush, wait);
    else if (queue.length) flush();
  }
  function signedOut() {
    status('offline', 'Signed out', `${count(queue.length)} waiting on this page. Sign in again to save.`);
    if (signing.open) signing.close();
    if (!again.open) again.showModal();
    document.getElementById('again-password').focus();
  }
  // Only what the server names goes back to the rater; the rest of the batch is sent again.
  function refuse(body, batch) {
    const faults = body.errors ?? [], wrong = new Set(faults.map((e) => e.item));
    if (wrong.size) queue = queue.filter((c) => !wrong.has(c.item) || !batch.includes(c));
    else stopped = true;
    status('offline', 'Not saved', 'See the list at the top of the page');
    show(faults.length ? faults.map((e) => ({ item: byNumber(e.item), text: e.message })) : [{ text: body.detail ?? 'The server refused to save. Reload the page.' }]);
  }

  const byNumber = (n) => items.find((item) => Number(item.dataset.n) === n);
  const pending = (n, part) => queue.filter((c) => c.item === n && PART[c.field] === part);
  function words(item, part) {
    if (part === 'note') return control(item, 'note').value || 'no note';
    const select = control(item, 'missing_reason');
    return chosen(item)?.value ?? (select.value ? `not assessed: ${select.selectedOptions[0].text}` : 'no score');
  }
  const theirWords = (other, part) => {
    if (part === 'note') return other.note || 'no note';
    const option = control(byNumber(other.item), 'missing_reason').querySelector(`option[value="${other.missing_reason || ' '}"]`);
    return other.value !== null ? String(other.value) : option ? `not assessed: ${option.text}` : 'no score';
  };
  function adopt(other, part) {
    const item = byNumber(other.item);
    if (part === 'note') { control(item, 'note').value = other.note; return; }
    item.querySelectorAll('[data-field=value]').forEach((r) => { r.checked = r.value === String(other.value); });
    control(item, 'missing_reason').value = other.missing_reason;
  }
  // Another window's answer first, then what waits here on top of it: what the page would show had it known before.
  function rebase(other, part) {
    adopt(other, part);
    for (const change of pending(other.item, part)) {
      const item = byNumber(other.item);
      if (change.field !== 'value') control(item, change.field).value = change.value;
      else item.querySelectorAll('[data-field=value]').forEach((r) => { r.checked = r.value === String(change.value); });
      if (change.field === 'value' && change.value !== null) control(item, 'missing_reason').value = '';
      if (change.field === 'missing_reason' && change.value && chosen(item)) chosen(item).checked = false;
    }
  }
  // What other windows saved is shown here at once; where this page has an unsaved answer of its own, the rater chooses.
  function merge(others) {
    [...typing.keys()].forEach(said); // a note that is being typed waits too
    const clashes = [], told = [];
    for (const other of others) {
      for (const part of ['answer', 'note']) {
        const item = byNumber(other.item), server = theirWords(other, part);
        if (words(item, part) === server) continue;
        rebase(other, part);
        if (words(item, part) === server) told.push(other.item);
        else clashes.push({ item: other.item, part, yours: words(item, part), server });
      }
    }
    if (told.length) document.getElementById('live').textContent = `Changed in another window: item ${[...new Set(told)].join(', item ')}`;
    return clashes;
  }

  function choose({ version: newest, conflicts = [], others = [] }) {
    [...typing.keys()].forEach(said);
    for (const other of others) ['answer', 'note'].forEach((part) => rebase(other, part));
    if (newest) know(newest);
    paint();
    if (!conflicts.length) { timer = setTimeout(flush, SAVE_AFTER_MS); return; }
    status('offline', 'Changed in another window', 'Choose which values stay');
    const box = conflict.querySelector('[data-conflicts]');
    box.replaceChildren(...conflicts.map((c, i) => {
      const set = element('fieldset', '', { className: 'choice' });
      set.append(element('legend', `Item ${c.item}, ${byNumber(c.item).dataset.name}${c.part === 'note' ? ', note' : ''}`));
      for (const [side, said] of [['yours', 'This page'], ['server', 'Other window']]) {
        const label = element('label', ''), radio = element('input', '', { type: 'radio', name: `conflict${i}`, value: side, required: true });
        label.append(radio, element('span', ` ${said}: ${c[side]}`));
        set.append(label);
      }
      return set;
    }));
    conflict.onclose = () => {
      conflicts.forEach((c, i) => {
        const side = box.querySelector(`[name=conflict${i}]:checked`)?.value;
        if (side !== 'server') return; // stays in the queue and goes out with the new version
        queue = queue.filter((q) => q.item !== c.item || PART[q.field] !== c.part);
        adopt(others.find((other) => other.item === c.item), c.part);
      });
      paint();
      saved.dataset.waiting = queue.length;
      if (!queue.length) status('ok', 'Saved', `Draft version ${version} on the server`);
      flush();
    };
    if (signing.open) signing.close();
    conflict.showModal();
  }
  conflict.addEventListener('cancel', (event) => event.preventDefault()); // Escape must not choose for the rater

  again.querySelector('form').addEventListener('submit', async (event) => {
    event.preventDefault();
    const password = document.getElementById('again-password'), code = document.getElementById('again-code');
    const error = again.querySelector('.errmsg');
    try {
      const fresh = await json(await fetch(form.dataset.again, { credentials: 'same-origin', headers: { Accept: 'application/json' } }));
      token.value = fresh.csrf_token ?? token.value; // the old cookie may be gone
      const answer = await post(form.dataset.again, { username: password.dataset.username, password: password.value, code: code.value, study: form.dataset.study });
      const body = await json(answer);
      if (body.needs_code) document.getElementById('again-second').hidden = false;
      if (answer.status === 429 || answer.status === 403) throw new Error('The password was wrong too often. Wait 15 minutes; your answers stay on this page.');
      if (!answer.ok) throw new Error(body.detail ?? 'The password was not accepted. Try again.');
      document.querySelectorAll('[name=csrfmiddlewaretoken]').forEach((field) => { field.value = body.csrf_token ?? field.value; });
      password.value = code.value = '';
      error.hidden = true;
      lastSaid = Date.now();
      again.close();
      status('ok', 'Signed in again', 'Saving what waits on this page');
      flush();
    } catch (e) {
      error.textContent = e instanceof TypeError ? 'Not connected. Try again in a moment.' : e.message;
      error.hidden = false;
      password.focus();
    }
  });
  again.querySelector('[data-close]').addEventListener('click', () => { again.close(); timer = setTimeout(flush, 60000); });

  // Two minutes before the session ends the page says so; any answer, or the button, keeps it alive (WCAG 2.2.1).
  setInterval(() => {
    const left = Number(form.dataset.idle) - (Date.now() - lastSaid) / 1000;
    if (left > 0 && left < 120 && !queue.length) status('offline', 'You will be signed out in 2 minutes', 'Enter or change an answer to stay; nothing is lost either way');
  }, 15000);

  form.addEventListener('change', (event) => {
    const item = event.target.closest('.item'), field = event.target.dataset.field;
    if (!item || !field) return;
    if (field === 'note') { said(event.target); return; }
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

  // A note is saved while it is typed, once a second: text must not wait for the pointer to leave the box.
  const typing = new Map();
  form.addEventListener('input', (event) => {
    const box = event.target;
    if (box.dataset.field !== 'note') return;
    clearTimeout(typing.get(box));
    typing.set(box, setTimeout(() => said(box), 1000));
  });
  function said(box) {
    clearTimeout(typing.get(box));
    if (!typing.delete(box)) return;
    push(box.closest('.item'), 'note', box.value);
  }

  function go(index) {
    const item = items[Math.max(0, Math.min(items.length - 1, index))];
    item.scrollIntoView({ block: 'start' });
    (chosen(item) ?? item).focus({ preventScroll: true }); // never a ring on 0: it would read as a suggested score
  }
  // Keys act only while focus is inside an item (WCAG 2.1.4).
  form.addEventListener('keydown', (event) => {
    const item = event.target.closest('.item');
    if (item && event.key === 'Enter' && event.target.matches('input')) return event.preventDefault(); // Enter must not leave the page
    if (event.target.closest('#sign') && event.key === 'Enter' && event.target.matches('input')) {
      event.preventDefault();
      document.getElementById('do-sign').click();
      return undefined;
    }
    if (!item || event.ctrlKey || event.altKey || event.metaKey || event.target.matches('textarea,select')) return undefined;
    const index = items.indexOf(item);
    if (/^[0-6]$/.test(event.key)) {
      event.preventDefault();
      if (event.repeat) return undefined; // a held key must not fill the form
      const radio = item.querySelector(`input[value="${event.key}"]`);
      radio.checked = true;
      radio.dispatchEvent(new Event('change', { bubbles: true }));
      document.getElementById('live').textContent = `${item.dataset.name}: ${event.key}`;
      const next = items.findIndex((e, i) => i > index && !isDone(e));
      if (form.dataset.advance === 'on' && next > -1) go(next); // in the same tick: a fast next digit belongs there
      else radio.focus();
      return undefined;
    }
    if (event.key === 'PageDown') go(index + 1);
    else if (event.key === 'PageUp') go(index - 1);
    else if (event.key === 'n' || event.key === 'm') item.querySelector(`[data-open=${event.key}]`).click();
    else return undefined;
    return event.preventDefault();
  });
  form.addEventListener('focusin', (event) => {
    const item = event.target.closest('.item');
    if (item) links.forEach((a, id) => (id === item.id ? a.setAttribute('aria-current', 'true') : a.removeAttribute('aria-current')));
  });
  const follow = (event) => {
    const link = event.target.closest('a[href^="#"]');
    if (!link) return;
    event.preventDefault();
    if (!/^#i\d+$/.test(link.hash)) { review(); document.querySelector(link.hash)?.focus(); return; }
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
    const ended = document.getElementById('ended');
    if (!ended.value) ended.value = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', timeZone: form.dataset.zone }).format(new Date());
    if (!signing.open) signing.showModal();
    signing.scrollTop = 0;
    document.getElementById('sign-title').focus(); // not the password field: the scores are read first
  }
  document.getElementById('review').addEventListener('click', (event) => { event.preventDefault(); review(); });
  document.getElementById('review').addEventListener('keydown', (event) => { if (event.key === ' ') { event.preventDefault(); review(); } });
  document.getElementById('back').addEventListener('click', () => signing.close());
  form.addEventListener('submit', async (event) => {
    [...typing.keys()].forEach(said);
    if (queue.length || busy) { // what is signed must be what the server has, and what is left must be saved
      event.preventDefault();
      stopped = false;
      await flush();
      for (let i = 0; busy && i < 100; i += 1) await new Promise((next) => { setTimeout(next, 50); });
      if (queue.length || busy) signing.close(); // the save line behind it says why
      else form.requestSubmit(event.submitter);
      return;
    }
    leaving = true;
  });
  window.addEventListener('online', flush);
  window.addEventListener('beforeunload', (event) => { if ((queue.length || typing.size) && !leaving) event.preventDefault(); });
  document.addEventListener('visibilitychange', () => { if (document.hidden) { [...typing.keys()].forEach(said); flush(); } });

  form.dataset.keys = 'on'; // from here on a key is an answer; a test waits for it
  signing.close();
  form.querySelectorAll('.more.closed').forEach((box) => { box.hidden = true; });
  paint();
  if ('reopen' in signing.dataset) {
    review();
    (signing.querySelector('[aria-invalid]') ?? document.getElementById('sign-title')).focus();
  } else if (!errors.hidden) errors.focus();
  else if (!location.hash) items.find((item) => !isDone(item))?.focus({ preventScroll: !isDone(items[0]) }); // the first digit counts
})();
