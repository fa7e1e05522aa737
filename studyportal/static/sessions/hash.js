// SHA-256 of a file, away from the page's thread. Small files by the browser's own code, at once; large ones in pieces, so
// that two gigabytes need no two gigabytes of memory.
import { sha256 } from '../vendor/hashes/sha2.js';

const PIECE_BYTES = 4 * 1024 * 1024, AT_ONCE_BYTES = 192 * 1024 * 1024;
const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');

async function inPieces(file) {
  const digest = sha256.create();
  for (let at = 0; at < file.size; at += PIECE_BYTES) {
    digest.update(new Uint8Array(await file.slice(at, at + PIECE_BYTES).arrayBuffer()));
    self.postMessage({ part: Math.min(1, (at + PIECE_BYTES) / file.size) });
  }
  return digest.digest();
}

self.addEventListener('message', async ({ data: file }) => {
  try {
    const isSmall = file.size <= AT_ONCE_BYTES && self.crypto?.subtle;
    const digest = isSmall ? new Uint8Array(await self.crypto.subtle.digest('SHA-256', await file.arrayBuffer())) : await inPieces(file);
    self.postMessage({ sha256: hex(digest) });
  } catch {
    self.postMessage({ failed: true });
  }
});
