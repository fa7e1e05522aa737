// The fit viewer: data, fit, baseline, residual and the scaled components of one quantification.
import { draw } from '../charts.js';

const viewer = document.querySelector('[data-fit-url]');
const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const reach = (values) => values.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
const WHOLE = [4.2, 0.4], LINES = ['data', 'fit', 'baseline', 'residual', 'components'];
const STEP = 0.2, GAIN = 0.42, SHOWN_AT_FIRST = 8;

// Twenty-odd basis spectra are shown as the groups that a reader compares; each can be looked at alone too.
const GROUPS = [['NAA+NAAG', /^NAAG?$/], ['Cr+PCr', /^P?Cr$/], ['GPC+PCh', /^(GPC|PCh)$/], ['Ins', /^(m?Ins|mI)$/], ['Glu', /^Glu$/],
  ['Gln', /^Gln$/], ['GSH', /^GSH$/], ['MM, lipids', /^(MM|Lip|MMmeas|Mac)/i]];
const sum = (parts) => parts[0].map((_, point) => parts.reduce((total, part) => total + part[point], 0));
function grouped(components) {
  const names = Object.keys(components);
  const groups = GROUPS.map(([name, members]) => [name, names.filter((one) => members.test(one))]).filter(([, found]) => found.length);
  const alone = names.filter((one) => !/^(MM|Lip|Mac)/i.test(one) && !groups.some(([name]) => name === one)).sort();
  return [...groups.map(([name, found]) => ({ name, values: sum(found.map((one) => components[one])) })), ...alone.map((name) => ({ name, values: components[name] }))];
}

class Viewer {
  constructor(figure, spectrum) {
    this.spectrum = spectrum;
    this.plot = figure.querySelector('.plot');
    const unit = spectrum.component_unit ?? 1;
    this.parts = grouped(Object.fromEntries(Object.entries(spectrum.components).map(([name, values]) => [name, values.map((v) => v * unit)])));
    this.shown = new Set(this.parts.slice(0, SHOWN_AT_FIRST).filter(({ name }) => GROUPS.some(([group]) => group === name)).map(({ name }) => name));
    this.boxes = new Map([...figure.querySelectorAll('[data-trace]')].map((box) => [box.dataset.trace, box]));
    this.range = [...WHOLE];
    this.boxes.forEach((box) => box.addEventListener('change', () => this.draw()));
    this.listParts(figure.querySelector('[data-parts]'));
    this.plot.addEventListener('keydown', (event) => this.key(event));
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.draw());
  }

  listParts(place) {
    this.parts.forEach(({ name }) => {
      const label = document.createElement('label'), box = Object.assign(document.createElement('input'), { type: 'checkbox', checked: this.shown.has(name) });
      box.addEventListener('change', () => {
        if (box.checked) this.shown.add(name); else this.shown.delete(name);
        if (box.checked) this.boxes.get('components').checked = true;
        this.draw();
      });
      label.append(box, name);
      place.append(label);
    });
  }

  key(event) {
    const width = this.range[0] - this.range[1], middle = (this.range[0] + this.range[1]) / 2;
    const to = (centre, wide) => { this.range = [centre + wide / 2, centre - wide / 2]; this.draw(); };
    const acts = {
      ArrowLeft: () => to(middle + width / 8, width), ArrowRight: () => to(middle - width / 8, width),
      '+': () => to(middle, Math.max(0.2, width / 1.4)), '=': () => to(middle, Math.max(0.2, width / 1.4)),
      '-': () => to(middle, Math.min(4, width * 1.4)), 0: () => { this.range = [...WHOLE]; this.draw(); },
    };
    const line = LINES.find((name) => name[0] === event.key);
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (line) { const box = this.boxes.get(line); box.checked = !box.checked; this.draw(); } else if (acts[event.key]) acts[event.key](); else return;
    event.preventDefault();
  }

  traces() {
    const { ppm, data, fit, baseline, residual } = this.spectrum, scale = 1 / (reach(data) || 1), lines = [], labels = [];
    const on = (name) => this.boxes.get(name).checked;
    const add = (name, values, offset, gain, line) => lines.push({
      x: ppm, y: values.map((v) => v * scale * gain + offset), name, mode: 'lines', line, showlegend: false, hovertemplate: `%{x:.2f} ppm<extra>${name}</extra>`,
    });
    const label = (y, text) => labels.push({ xref: 'paper', x: 1.008, y, text, xanchor: 'left', yanchor: 'middle', showarrow: false });
    if (on('data')) add('Data', data, 0, 1, { color: token('--ink'), width: 1 });
    if (on('fit')) add('Fit', fit, 0, 1, { color: token('--chart-b'), width: 2 });
    if (on('baseline')) add('Baseline', baseline, 0, 1, { color: token('--ink-2'), width: 1.5, dash: 'dash' });
    if (on('residual')) { add('Residual', residual, 1.3, 1, { color: token('--ink-2'), width: 1 }); label(1.3, 'Residual'); }
    if (on('data') || on('fit')) label(0.55, on('data') && on('fit') ? 'Data and fit' : on('fit') ? 'Fit' : 'Data');
    const right = ppm.reduce((best, value, index) => (Math.abs(value - this.range[1]) < Math.abs(ppm[best] - this.range[1]) ? index : best), 0);
    if (on('baseline')) label(Math.max(-0.08, Math.min(baseline[right] * scale, 0.4)), 'Baseline');
    const visible = on('components') ? this.parts.filter(({ name }) => this.shown.has(name)) : [];
    visible.forEach(({ name, values }, index) => {
      const offset = -0.3 - STEP * index;
      add(name, values, offset, GAIN, { color: token('--chart-a'), width: 1.4 });
      label(offset, name);
    });
    return { lines, labels, bottom: -0.2 - STEP * visible.length };
  }

  async draw() {
    const { lines, labels, bottom } = this.traces();
    await draw(this.plot, lines, {
      margin: { l: 8, r: 104, t: 8, b: 44 }, annotations: labels, yaxis: { visible: false, fixedrange: true, range: [bottom, 1.5] },
      xaxis: { range: this.range, title: { text: 'Chemical shift (ppm)' }, dtick: 0.5, gridcolor: token('--line'), zeroline: false, ticks: 'outside' },
    });
    if (!this.watched) {
      this.watched = true;
      this.plot.on('plotly_relayout', (moved) => {
        if (moved['xaxis.autorange']) this.range = [...WHOLE];
        else if (moved['xaxis.range[0]'] !== undefined) this.range = [moved['xaxis.range[0]'], moved['xaxis.range[1]']];
      });
    }
  }
}

async function show() {
  try {
    const answer = await fetch(viewer.dataset.fitUrl, { headers: { Accept: 'application/json' } });
    if (!answer.ok) throw new Error(String(answer.status));
    await new Viewer(viewer, await answer.json()).draw();
  } catch {
    viewer.querySelector('.plot').textContent = 'The fit could not be loaded. Reload the page, or use the data table.';
  }
}
if (viewer) show();
