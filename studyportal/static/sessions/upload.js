// Upload with tus: water reference, companion file, spectrum, in this order, so that the last byte finds all of them.
// Where a file stands is known to the server by its SHA-256, so that any browser goes on where another stopped.
// Success is said only after the server compared the checksum. Without this file the form posts the files as multipart.
import { signInAgain } from './again.js';

const CHUNK_BYTES = 16 * 1024 * 1024, COMPANION = /\.spar$/i, LATER_MS = 5000;
const DELAYS_MS = [0, 1000, 2000, 4000, 8000];
const NOT_CONNECTED = 'Not connected. What has arrived is kept; the upload goes on by itself.';
class Refused extends Error {}

const size = (bytes) => (bytes >= 1e9 ? `${(bytes / 1e9).toFixed(2)} GB` : bytes >= 1e6 ? `${(bytes / 1e6).toFixed(1)} MB` : `${Math.max(1, Math.round(bytes / 1e3))} kB`);
const left = (seconds) => (seconds < 60 ? 'less than a minute left' : `about ${Math.round(seconds / 60)} min left`);
const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); globalThis.addEventListener('online', resolve, { once: true }); });

function sha256(file, progress) {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./hash.js', import.meta.url), { type: 'module' });
    const fail = () => reject(new Refused('The file cannot be read. Is it still there? Choose it again.'));
    worker.addEventListener('error', fail);
    worker.addEventListener('message', ({ data }) => {
      if (data.part !== undefined) { progress(data.part); return; }
      worker.terminate();
      if (data.failed) fail(); else resolve(data.sha256);
    });
    worker.postMessage(file);
  });
}

// What is too large or empty is refused before two gigabytes are read for nothing.
function refuseSizes(input) {
  for (const file of input?.files ?? []) {
    if (file.size > Number(input.dataset.limitBytes)) throw new Refused(input.dataset.tooLarge);
    if (file.size === 0) throw new Refused(input.dataset.empty);
  }
}

class Sender {
  constructor(form) {
    this.form = form;
    this.bar = form.querySelector('progress');
    this.status = form.querySelector('.send [role=status]');
    this.detail = form.querySelector('.send .detail');
    this.dialog = document.getElementById('again');
    this.token = form.querySelector('[name=csrfmiddlewaretoken]');
  }

  say(words, detail = '') {
    if (this.status.textContent !== words) this.status.textContent = words; // said once, not at every percent
    this.detail.textContent = detail;
  }

  headers() {
    return { Accept: 'application/json', 'X-CSRFToken': this.token.value };
  }

  // Ask for the password where the session ended; whoever says no has stopped the upload, and loses nothing of it.
  async signIn() {
    this.say('Your session ended. Sign in again to go on.');
    const fresh = await signInAgain(this.dialog);
    if (!fresh) throw new Refused('Signed out. What has arrived is kept: choose the same file to go on.');
    document.querySelectorAll('[name=csrfmiddlewaretoken]').forEach((field) => { field.value = fresh; });
  }

  async described(file) {
    this.say('Computing the checksum', file.name);
    const digest = await sha256(file, (part) => { this.bar.value = part; });
    return { filename: file.name, size: file.size, sha256: digest };
  }

  async announce(said) {
    for (;;) {
      let answer;
      try {
        answer = await fetch(this.form.dataset.uploadUrl, { method: 'POST', headers: { ...this.headers(), 'Content-Type': 'application/json' }, body: JSON.stringify(said) });
      } catch {
        this.say(NOT_CONNECTED);
        await pause(LATER_MS);
        continue;
      }
      const isJson = (answer.headers.get('Content-Type') ?? '').includes('json');
      if (answer.status === 401 || (answer.status === 403 && !isJson)) { await this.signIn(); continue; }
      if (answer.status >= 500) { this.say(NOT_CONNECTED); await pause(LATER_MS); continue; }
      const body = isJson ? await answer.json() : {};
      if (!answer.ok) throw new Refused(body.detail ?? `The server refused the file (${answer.status}). Nothing was stored.`);
      return body;
    }
  }

  // One run of the tus client: what it ended with, whatever it was.
  attempt(location, file, began) {
    return new Promise((resolve) => {
      const upload = new tus.Upload(file, {
        uploadUrl: location, chunkSize: CHUNK_BYTES, retryDelays: DELAYS_MS, storeFingerprintForResuming: false, headers: this.headers(),
        onShouldRetry: (error) => {
          const status = error.originalResponse?.getStatus() ?? 0;
          if (status === 0) this.say(NOT_CONNECTED);
          return status === 0 || status >= 500 || status === 409 || status === 423 || status === 460;
        },
        onProgress: (sent, total) => {
          this.bar.value = sent / total;
          const speed = (sent - began.from) / Math.max(1, (Date.now() - began.at) / 1000);
          this.say('Uploading', `${size(sent)} of ${size(total)}${speed > 0 && sent < total && sent > began.from ? `, ${left((total - sent) / speed)}` : ''}`);
          if (sent === total) this.say('Comparing the checksum', size(total));
        },
        onSuccess: ({ lastResponse }) => resolve({ response: lastResponse }),
        onError: (error) => resolve({ error, response: error.originalResponse }),
      });
      upload.start();
    });
  }

  async send(location, file, offset) {
    const began = { at: Date.now(), from: offset };
    for (;;) {
      const { error, response } = await this.attempt(location, file, began);
      const status = response?.getStatus() ?? 0, kind = response?.getHeader('Content-Type') ?? '';
      if (!error) return this.arrival(location, file, response);
      if (status === 401 || (status === 403 && !kind.includes('json'))) { await this.signIn(); continue; }
      if (status >= 400 && status < 500 && status !== 409 && status !== 423 && status !== 460) {
        let detail = 'The server refused the file. Choose it again.';
        try { detail = JSON.parse(response.getBody()).detail; } catch { /* a page, not a problem document */ }
        throw new Refused(detail);
      }
      this.say(NOT_CONNECTED, size(file.size));
      await pause(LATER_MS);
    }
  }

  // The answer to the last byte may have been lost on its way: an empty piece at the end asks for it again.
  async arrival(location, file, response) {
    let url = response.getHeader('Portal-Spectrum'), duplicate = response.getHeader('Portal-Duplicate');
    if (!url) {
      const answer = await fetch(location, { method: 'PATCH', headers: { ...this.headers(), 'Tus-Resumable': '1.0.0', 'Content-Type': 'application/offset+octet-stream', 'Upload-Offset': String(file.size) } });
      if (!answer.ok && answer.status !== 409) throw new Refused((await answer.json().catch(() => ({}))).detail ?? 'The server refused the file. Choose it again.');
      url = answer.headers.get('Portal-Spectrum');
      duplicate = answer.headers.get('Portal-Duplicate');
    }
    // Without an address: a companion file, whose spectrum is still to come; or a copy of what arrived in the meantime.
    return { spectrum_url: url, duplicate: Boolean(duplicate) };
  }

  async family(kind, files) {
    const ordered = [...files].sort((a, b) => COMPANION.test(a.name) - COMPANION.test(b.name)), described = [];
    for (const file of ordered) described.push(await this.described(file));
    const [main, ...companions] = described;
    const place = await this.announce({ ...main, kind, companions, scan_started: this.form.elements.scan_started?.value ?? '' });
    if (place.spectrum_url) return place;
    this.say('Uploading');
    for (const [index, companion] of place.companions.entries()) await this.send(companion.location, ordered[index + 1], companion.offset);
    return this.send(place.location, ordered[0], place.offset);
  }

  async everything(water, spectrum) {
    await import('../vendor/tus.js');
    let last;
    if (water.length) last = await this.family('water', water);
    if (spectrum.length) last = await this.family('metabolite', spectrum);
    return last;
  }
}

function start(form) {
  const sender = new Sender(form), button = form.querySelector('.send button');
  const warn = (event) => event.preventDefault();
  form.addEventListener('submit', async (event) => {
    const water = form.elements.water?.files ?? [], spectrum = form.elements.file.files;
    if (!water.length && !spectrum.length) return; // the server answers the plain form
    event.preventDefault();
    button.disabled = true;
    sender.bar.hidden = false;
    sender.bar.value = 0;
    addEventListener('beforeunload', warn);
    try {
      refuseSizes(form.elements.water);
      refuseSizes(form.elements.file);
      const last = await sender.everything(water, spectrum);
      removeEventListener('beforeunload', warn);
      if (!last.spectrum_url) throw new Refused('This file has arrived already. Open the session to see it.');
      sender.say(last.duplicate ? 'This file was here already; opening it.' : 'Uploaded, checksum confirmed.');
      // The page that opens says so too: what is said here is gone in an instant.
      window.location.assign(last.duplicate ? `${last.spectrum_url}?known` : last.spectrum_url);
    } catch (error) {
      removeEventListener('beforeunload', warn);
      sender.say(error instanceof Refused ? error.message : 'Something went wrong on this page. What has arrived is kept: reload it and choose the same file.');
      sender.bar.hidden = true;
      button.disabled = false;
    }
  });
  const drop = form.querySelector('[data-drop]');
  drop?.addEventListener('dragover', (event) => { event.preventDefault(); drop.classList.add('over'); });
  drop?.addEventListener('dragleave', () => drop.classList.remove('over'));
  drop?.addEventListener('drop', (event) => {
    event.preventDefault();
    drop.classList.remove('over');
    form.elements.file.files = event.dataTransfer.files;
  });
}
document.querySelectorAll('form[data-upload-url]').forEach(start);
