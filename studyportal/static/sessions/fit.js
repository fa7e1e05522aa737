// The fit viewer: data, fit, baseline, residual and the scaled components of one quantification.
import { draw } from '../charts.js';

const viewer = document.querySelector('[data-fit-url]');
const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const reach = (values) => values.reduce((most, v) => Math.max(most, Math.abs(v)), 0);

// Twenty-odd basis spectra are shown as the groups that a reader compares.
const GROUPS = [['NAA+NAAG', /^NAAG?$/], ['Cr+PCr', /^P?Cr$/], ['GPC+PCh', /^(GPC|PCh)$/], ['Ins', /^(m?Ins|mI)$/], ['Glu', /^Glu$/],
  ['Gln', /^Gln$/], ['GSH', /^GSH$/], ['MM, lipids', /^(MM|Lip|MMmeas|Mac)/i]];
function grouped(components) {
  const sum = (parts) => parts[0].map((_, point) => parts.reduce((total, part) => total + part[point], 0));
  const found = GROUPS.map(([name, members]) => [name, Object.keys(components).filter((one) => members.test(one)).map((one) => components[one])]);
  return found.filter(([, parts]) => parts.length).map(([name, parts]) => [name, sum(parts)]);
}

function traces(spectrum) {
  const scale = 1 / (reach(spectrum.data) || 1), lines = [], labels = [];
  const add = (group, name, values, offset, gain, line) => {
    lines.push({ x: spectrum.ppm, y: values.map((v) => v * scale * gain + offset), name, mode: 'lines', line, showlegend: false, meta: group,
      hovertemplate: `%{x:.2f} ppm<extra>${name}</extra>` });
  };
  const label = (y, text) => labels.push({ xref: 'paper', x: 1.008, y, text, xanchor: 'left', yanchor: 'middle', showarrow: false });
  add('data', 'Data', spectrum.data, 0, 1, { color: token('--ink'), width: 1 });
  add('fit', 'Fit', spectrum.fit, 0, 1, { color: token('--chart-b'), width: 2 });
  add('baseline', 'Baseline', spectrum.baseline, 0, 1, { color: token('--ink-2'), width: 1.5, dash: 'dash' });
  add('residual', 'Residual', spectrum.residual, 1.3, 1, { color: token('--ink-2'), width: 1 });
  label(1.3, 'Residual');
  label(0.55, 'Data and fit');
  const right = spectrum.ppm.reduce((best, ppm, index) => (Math.abs(ppm - 0.4) < Math.abs(spectrum.ppm[best] - 0.4) ? index : best), 0);
  label(Math.min(spectrum.baseline[right] * scale, 0.4), 'Baseline');
  grouped(spectrum.components).forEach(([name, values], index) => {
    const offset = -0.25 - 0.2 * index;
    add('components', name, values, offset, 0.42, { color: token('--chart-a'), width: 1.4 });
    label(offset, name);
  });
  return { lines, labels };
}

async function show() {
  const plot = viewer.querySelector('.plot');
  try {
    const answer = await fetch(viewer.dataset.fitUrl, { headers: { Accept: 'application/json' } });
    if (!answer.ok) throw new Error(String(answer.status));
    const { lines, labels } = traces(await answer.json());
    await draw(plot, lines, {
      margin: { l: 8, r: 104, t: 8, b: 44 }, annotations: labels, yaxis: { visible: false, fixedrange: true },
      xaxis: { range: [4.2, 0.4], title: { text: 'Chemical shift (ppm)' }, dtick: 0.5, gridcolor: token('--line'), zeroline: false, ticks: 'outside' },
    });
    viewer.querySelectorAll('[data-trace]').forEach((box) => box.addEventListener('change', () => {
      const which = lines.flatMap((line, index) => (line.meta === box.dataset.trace ? [index] : []));
      Plotly.restyle(plot, { visible: box.checked }, which);
    }));
  } catch {
    plot.textContent = 'The fit could not be loaded. Reload the page, or use the data table.';
  }
}
if (viewer) show();
