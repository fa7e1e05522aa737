// Draws every <figure data-figure-url> from the server's Plotly JSON, in the page's colours.
const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const CONFIG = { responsive: true, displayModeBar: 'hover', modeBarButtonsToRemove: ['select2d', 'lasso2d', 'autoScale2d', 'toImage'] };
// Plotly 4 offers to upload charts to its cloud by default. Never here.
Plotly.setPlotConfig({ showSendToCloud: false, plotlyServerURL: '', displaylogo: false, topojsonURL: '' });

export const frame = () => ({
  paper_bgcolor: 'rgba(0,0,0,0)',
  plot_bgcolor: 'rgba(0,0,0,0)',
  font: { family: token('--sdm-font').replaceAll('"', ''), size: 13, color: token('--ink') },
  hovermode: 'closest',
  margin: { l: 56, r: 24, t: 16, b: 48 },
});
const axis = (given = {}) => ({ gridcolor: token('--line'), zerolinecolor: token('--line'), ...given });

// A trace says its role in meta.role: a, b, ink, quiet, warn or danger; a shape in its name.
const ROLES = { a: '--chart-a', b: '--chart-b', ink: '--ink', quiet: '--ink-2', warn: '--warn', danger: '--danger' };
function coloured(trace) {
  const name = ROLES[trace.meta?.role];
  if (!name) return trace;
  const color = token(name);
  return { ...trace, line: { ...trace.line, color }, marker: { ...trace.marker, color } };
}

// Every axis of a figure with panels, and what lies behind or across them, in the page's colours.
function framed(layout) {
  const dressed = { xaxis: {}, yaxis: {}, ...layout, template: undefined };
  Object.keys(dressed).filter((key) => /^[xy]axis\d*$/.test(key)).forEach((key) => { dressed[key] = axis(dressed[key]); });
  dressed.shapes = (layout.shapes ?? []).map((shape) => (shape.type === 'line'
    ? { ...shape, line: { ...shape.line, color: token(ROLES[shape.name] ?? '--ink-2') } }
    : { ...shape, fillcolor: token(`--${shape.name}`) }));
  return dressed;
}

export async function draw(target, traces, layout) {
  await Plotly.newPlot(target, traces, { ...frame(), ...layout }, CONFIG);
}

async function drawFigure(figure) {
  const target = figure.querySelector('.plot');
  try {
    const answer = await fetch(figure.dataset.figureUrl, { headers: { Accept: 'application/json' } });
    if (!answer.ok) throw new Error(String(answer.status));
    const { data, layout = {} } = await answer.json();
    await draw(target, data.map(coloured), framed(layout));
  } catch {
    target.textContent = 'The chart could not be loaded. Reload the page, or use the data table below.';
  }
}
document.querySelectorAll('figure[data-figure-url]').forEach((figure) => {
  drawFigure(figure);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => drawFigure(figure));
});
document.querySelectorAll('[data-png]').forEach((button) => button.addEventListener('click', () => {
  const target = button.closest('figure').querySelector('.plot');
  Plotly.downloadImage(target, { format: 'png', width: 1600, height: 900, scale: 1, filename: button.dataset.png });
}));
