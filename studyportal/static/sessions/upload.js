// Chunked upload with resume: water reference, companion file, spectrum, in this order, so that the last piece finds all.
// Success is said only after the server compared each checksum. Without this file the form posts the files as multipart.
const CHUNK_BYTES = 4 * 1024 * 1024, TRIES = 5, COMPANION = /\.spar$/i;

const hex = (buffer) => [...new Uint8Array(buffer)].map((b) => b.toString(16).padStart(2, '0')).join('');
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
class Refused extends Error {}

async function refusal(answer) {
  const problem = await answer.json().catch(() => ({}));
  return new Refused(problem.detail ?? `The server refused the file (${answer.status}). Nothing was stored.`);
}

async function send(location, file, start, headers, progress) {
  let offset = start, failures = 0;
  for (;;) {
    try {
      const answer = await fetch(location, {
        method: 'PATCH', body: file.slice(offset, offset + CHUNK_BYTES),
        headers: { ...headers, 'Content-Type': 'application/offset+octet-stream', 'Upload-Offset': String(offset) },
      });
      if (answer.status === 200) return await answer.json();
      if (answer.status === 409 && answer.headers.has('Upload-Offset')) failures += 1; // resume where the server stands
      else if (answer.status >= 500) throw new TypeError('server');
      else if (!answer.ok) throw await refusal(answer);
      else failures = 0;
      if (failures > TRIES) throw new Refused('The upload does not advance. Choose the file again.');
      offset = Number(answer.headers.get('Upload-Offset'));
      progress(offset / file.size);
    } catch (error) {
      failures += 1;
      if (error instanceof Refused || failures > TRIES) throw error;
      await pause(1000 * failures);
    }
  }
}

async function described(file) {
  return { filename: file.name, size: file.size, sha256: hex(await crypto.subtle.digest('SHA-256', await file.arrayBuffer())) };
}

async function sendFamily(form, kind, files, headers, say, progress) {
  const ordered = [...files].sort((a, b) => COMPANION.test(a.name) - COMPANION.test(b.name));
  say('Computing the checksum');
  const [main, ...companions] = await Promise.all(ordered.map(described));
  const answer = await fetch(form.dataset.uploadUrl, {
    method: 'POST', headers: { ...headers, 'Content-Type': 'application/json' },
    body: JSON.stringify({ ...main, kind, companions, scan_started: form.elements.scan_started?.value ?? '' }),
  });
  if (!answer.ok) throw await refusal(answer);
  const place = await answer.json();
  if (place.spectrum_url) return place;
  say('Uploading');
  for (const [index, companion] of place.companions.entries()) {
    await send(companion.location, ordered[index + 1], companion.offset, headers, progress);
  }
  return send(place.location, ordered[0], place.offset, headers, progress);
}

function start(form) {
  const bar = form.querySelector('progress'), status = form.querySelector('.send [role=status]');
  const headers = { Accept: 'application/json', 'X-CSRFToken': form.querySelector('[name=csrfmiddlewaretoken]').value };
  const progress = (part) => { bar.value = part; };
  const say = (words) => { status.textContent = words; };
  form.addEventListener('submit', async (event) => {
    const water = form.elements.water?.files ?? [], spectrum = form.elements.file.files;
    if ((!water.length && !spectrum.length) || !globalThis.crypto?.subtle) return; // the server answers the plain form
    event.preventDefault();
    const button = form.querySelector('button');
    button.disabled = true;
    bar.hidden = false;
    progress(0);
    try {
      let last;
      if (water.length) last = await sendFamily(form, 'water', water, headers, say, progress);
      if (spectrum.length) last = await sendFamily(form, 'metabolite', spectrum, headers, say, progress);
      say(last.duplicate ? 'This file was here already; opening it.' : 'Uploaded, checksum confirmed.');
      window.location.assign(last.spectrum_url);
    } catch (error) {
      say(error instanceof Refused ? error.message : 'Not connected. Nothing was stored; press upload to continue.');
      bar.hidden = true;
      button.disabled = false;
    }
  });
}
document.querySelectorAll('form[data-upload-url]').forEach(start);
