/** @file Draws the curves: groups trials, averages, smooths, answers the switches, gives the numbers away. */
/* global IntersectionObserver, dark, document, downloadCsv, getComputedStyle, loadPlotly, matchMedia, section, window */
/* global atob */

/** A chart this near to what is seen is drawn, in pixels. */
const NEAR = 300;

section('curves', async (element, data) => {
  const controls = element.querySelector('.controls');
  if (!controls) return;
  if (!('DecompressionStream' in window)) {
    element.querySelector('.no-charts').hidden = false;
    return;
  }
  const charts = [...element.querySelectorAll('.chart')];
  /** Those that show what the switches say. */
  const current = new Set();
  /** Where the reader zoomed, by metric: ranges, and the kind of axes that they are for. And what each chart shows when nobody zoomed. */
  const zooms = new Map();
  const wholes = new Map();
  const { grouping, axis } = controls.querySelector('form').elements;
  for (const { id, label } of data.groupings) grouping.append(option(id, label));
  for (const { id, short } of data.axes) axis.append(option(id, short));
  axis.value = data.axis;
  // Only thinning leaves single records behind that no line shows.
  controls.querySelector('.extremes').hidden = !data.panels.some(({ curves }) =>
    curves.some(({ thinned }) => thinned),
  );
  showLegend();
  await loadPlotly();
  controls.hidden = false;

  let printing = false;
  const drawIfNeeded = (chart) => {
    if (printing || current.has(chart)) return;
    current.add(chart);
    draw(chart, false);
  };
  /** The observer tells what comes into view a frame later. */
  const isNear = (chart) => {
    const { top, bottom, height } = chart.getBoundingClientRect();
    return height > 0 && bottom >= -NEAR && top <= window.innerHeight + NEAR;
  };
  const redraw = () => {
    current.clear();
    charts.filter(isNear).forEach(drawIfNeeded);
  };
  // For whoever shows a newer version of the page in this one's place.
  element.choices = {
    get: () => [...zooms],
    set: (told) => {
      for (const [metric, zoom] of told) zooms.set(metric, zoom);
      redraw();
    },
  };
  const observer = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) if (isIntersecting) drawIfNeeded(target);
    },
    { rootMargin: `${NEAR}px 0px` },
  );
  charts.forEach((chart) => observer.observe(chart));
  controls.addEventListener('input', (event) => {
    if (event.target === grouping) showLegend();
    redraw();
  });
  controls.addEventListener('submit', (event) => event.preventDefault());
  dark.addEventListener('change', redraw);
  window.addEventListener('resize', redraw);
  // On paper every chart is there, in the light colours, as wide as the page.
  window.addEventListener('beforeprint', () => {
    printing = true;
    charts.forEach((chart) => draw(chart, true));
  });
  window.addEventListener('afterprint', () => {
    printing = false;
    redraw();
  });
  for (const button of element.querySelectorAll('button.csv')) {
    button.hidden = false;
    button.addEventListener('click', () =>
      downloadCsv(button.dataset.metric, numbersOf(panelOf(button.dataset.metric))),
    );
  }
  const [first] = charts;
  if (first) drawIfNeeded(first);

  function panelOf(metric) {
    return data.panels.find((one) => one.metric === metric);
  }

  /** What the switches say. */
  function choices() {
    const { smoothing, logx, logy, singles, extremes } = controls.querySelector('form').elements;
    controls.querySelector('output').textContent = Number(smoothing.value)
      ? `${smoothing.value}\u00a0% of the curve`
      : 'none';
    const chosen = data.groupings.find(({ id }) => id === grouping.value);
    const boxes = [...controls.querySelectorAll('.legend input')];
    return {
      axis: data.axes.find(({ id }) => id === axis.value),
      groups: chosen.groups.filter((_, at) => boxes[at].checked),
      window: Number(smoothing.value) / 100,
      logx: logx.checked,
      logy: logy.checked,
      singles: singles.checked,
      extremes: extremes.checked,
    };
  }

  /** The groups with their colours; each can be switched off. */
  function showLegend() {
    const { label, groups } = data.groupings.find(({ id }) => id === grouping.value);
    const legend = controls.querySelector('.legend');
    const title = document.createElement('legend');
    title.textContent = label;
    legend.replaceChildren(title, ...groups.map(legendEntry));
    legend.classList.toggle('many', groups.length > 12);
    controls.classList.toggle('sticky', groups.length <= 6);
  }

  /** What is drawn of a metric: curves of trials on the axis, with their extremes where they were thinned. */
  function curvesOf(panel, { id, divisor }) {
    panel.numbers ??= floats(panel.values);
    let at = 0;
    return panel.curves.map(({ trial, grid, thinned }) => {
      const { length } = gridOf(grid, 'updates');
      const column = () => panel.numbers.subarray(at, (at += length));
      const mean = column();
      const [low, high] = thinned ? [column(), column()] : [mean, mean];
      const updates = gridOf(grid, 'updates');
      return { trial, grid, updates, x: onAxis(trial, grid, id, divisor), mean, low, high };
    });
  }

  function gridOf(at, name) {
    const grid = data.grids[at];
    grid.numbers ??= {};
    return (grid.numbers[name] ??= floats(grid[name] ?? grid.wall));
  }

  function onAxis(trial, grid, id, divisor) {
    const per = id === 'epochs' ? (data.trials[trial].epoch ?? NaN) : divisor;
    return gridOf(grid, id === 'epochs' ? 'updates' : id).map((value) => value / per);
  }

  function draw(chart, printing) {
    const panel = panelOf(chart.dataset.metric);
    const choice = choices();
    const scheme = dark.matches && !printing ? 'dark' : 'light';
    const colours = {
      light: { ink: '#1d2126', soft: '#59616b', grid: '#e4e6e9', paper: '#ffffff' },
      dark: { ink: '#e8eaed', soft: '#a5adb8', grid: '#2d333b', paper: '#15181d' },
    }[scheme];
    const curves = curvesOf(panel, choice.axis);
    const groups = choice.groups.map((group) => groupOf(group, curves, data.trials, choice));
    const drawn = groups.flatMap(({ lines }) => lines);
    const logy = choice.logy && drawn.every(({ y }) => y.every((value) => !(value <= 0)));
    const traces = groups.flatMap((group) => tracesOf(group, choice, scheme));
    const range = rangeOf(panel, groups, logy, choice.extremes);
    chart.parentElement.querySelector('.outside').textContent = range.outside;
    const main = Boolean(chart.closest('.main-figures'));
    // On paper the column is not the screen's: about 700 pixels, or half of it.
    const width = printing ? (main ? 680 : 325) : chart.clientWidth;
    const height = main ? Math.min(360, Math.max(280, width * 0.62)) : 220;
    const ends = [
      ...groups.flatMap(({ label, mean, colour }) =>
        mean
          ? [{ text: label, y: mean.y.findLast((value) => !Number.isNaN(value)), colour: colour[scheme] }]
          : [],
      ),
      ...panel.references.map(({ label, value }) => ({ text: label, y: value, colour: colours.soft })),
    ];
    const right = 16 + Math.max(0, ...ends.map(({ text }) => text.length)) * 7.2;
    const labelled = main && width >= 480 && ends.length <= 11 && right <= width * 0.32;
    const margin = { l: 50, r: labelled ? right : 14, t: 10, b: 50 };
    const inside = panel.references.map((line) => ({
      xref: 'paper',
      x: 0,
      xanchor: 'left',
      y: logy ? Math.log10(line.value) : line.value,
      yanchor: 'top',
      showarrow: false,
      text: line.label,
      font: { size: 12, color: colours.soft },
    }));
    const layout = {
      width,
      height,
      margin,
      paper_bgcolor: 'rgba(0,0,0,0)',
      plot_bgcolor: 'rgba(0,0,0,0)',
      font: { family: getComputedStyle(document.body).fontFamily, size: 13, color: colours.soft },
      showlegend: false,
      hovermode: groups.length > 8 ? 'closest' : 'x unified',
      hoverlabel: {
        bgcolor: colours.paper,
        bordercolor: colours.grid,
        font: { color: colours.ink, size: 13 },
      },
      dragmode: matchMedia('(pointer: coarse)').matches ? false : 'zoom',
      xaxis: {
        title: { text: choice.axis.title, standoff: 8, font: { size: 13 } },
        type: choice.logx ? 'log' : 'linear',
        range: reachOf(drawn, choice.logx),
        tickformat: choice.axis.id === 'pixels' || choice.axis.id === 'updates' ? '~s' : '~g',
        hoverformat: choice.axis.id === 'pixels' || choice.axis.id === 'updates' ? '.3~s' : '.3~g',
        nticks: width < 420 ? 5 : 8,
        showgrid: false,
        zeroline: false,
        linecolor: colours.soft,
        showline: true,
        ticks: 'outside',
        ticklen: 4,
        tickcolor: colours.soft,
      },
      yaxis: {
        type: logy ? 'log' : 'linear',
        range: logy ? range.ends.map(Math.log10) : range.ends,
        gridcolor: colours.grid,
        zeroline: false,
        nticks: main ? 7 : 5,
        tickformat: logy ? '~g' : '',
        dtick: logy ? (range.ends[1] / range.ends[0] > 30 ? 1 : 'D2') : undefined,
      },
      annotations: labelled ? endLabels(ends, range.ends, logy, height - margin.t - margin.b) : inside,
      shapes: [
        ...panel.references.map((line) => ({
          type: 'line',
          layer: 'below',
          xref: 'paper',
          x0: 0,
          x1: 1,
          y0: line.value,
          y1: line.value,
          line: { color: colours.soft, width: 1.2, dash: 'dot' },
        })),
        ...seamLines(choice, curves, data.trials, scheme),
      ],
    };
    const { metric } = panel;
    const whole = rangesOf(layout, `${choice.axis.id} ${choice.logx} ${logy}`);
    const zoom = zooms.get(metric);
    if (zoom?.kind === whole.kind && !printing) {
      layout.xaxis.range = zoom.x;
      layout.yaxis.range = zoom.y;
    }
    window.Plotly.react(
      chart,
      traces.map((trace) => ({
        ...trace,
        name: escaped(trace.name ?? ''),
        type: 'scatter',
        showlegend: false,
        connectgaps: false,
      })),
      layout,
      { displayModeBar: false, doubleClick: false, showTips: false },
    );
    if (!wholes.has(metric)) {
      chart.on('plotly_relayout', () => {
        const whole = wholes.get(metric);
        const seen = rangesOf(chart.layout, whole.kind);
        if (String([seen.x, seen.y]) === String([whole.x, whole.y])) zooms.delete(metric);
        else zooms.set(metric, seen);
      });
      chart.on('plotly_doubleclick', () => {
        zooms.delete(metric);
        draw(chart, false);
      });
    }
    wholes.set(metric, whole);
  }

  /** All curves of a metric as rows, one a point. */
  function numbersOf(panel) {
    const groupings = data.groupings.filter(({ id }) => id !== 'seed');
    const rows = [
      ['metric', 'trial', 'seed', 'status', ...groupings.map(({ label }) => label.toLowerCase())].concat([
        'update',
        'epoch',
        'pixels',
        'wall_seconds',
        'device_seconds',
        'mean',
        'lowest',
        'highest',
      ]),
    ];
    const short = (value) => Number(value.toPrecision(7));
    for (const curve of curvesOf(panel, data.axes[0])) {
      const { key, seed, status, epoch } = data.trials[curve.trial];
      const names = groupings.map(
        ({ groups }) => groups.find(({ trials }) => trials.includes(curve.trial))?.label,
      );
      const [pixels, wall, device] = ['pixels', 'wall', 'device'].map((name) => gridOf(curve.grid, name));
      curve.x.forEach((update, i) =>
        rows.push([
          ...[panel.metric, key, seed, status, ...names, update, epoch && short(update / epoch)],
          ...[pixels[i], short(wall[i]), short(device[i])],
          ...[curve.mean[i], curve.low[i], curve.high[i]].map(short),
        ]),
      );
    }
    return rows;
  }
});

function option(value, label) {
  const made = document.createElement('option');
  made.value = value;
  made.textContent = label;
  return made;
}

const DASHES = { solid: 'none', dash: '8 4', dot: '2 3', dashdot: '8 3 2 3', longdash: '14 4' };

function legendEntry({ label, light, dark: darkColour, dash }) {
  const entry = document.createElement('label');
  entry.className = 'cell';
  entry.style.setProperty('--light', light);
  entry.style.setProperty('--dark', darkColour);
  entry.innerHTML = `<input type="checkbox" checked><svg class="swatch" width="34" height="12" viewBox="0 0 34 12" aria-hidden="true"><line x1="1" x2="33" y1="6" y2="6" stroke-width="3" stroke-dasharray="${DASHES[dash]}"/></svg><span></span>`;
  entry.querySelector('span').textContent = label;
  return entry;
}

/** 32-bit floats from base64. */
function floats(text) {
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) bytes[i] = letters.charCodeAt(i);
  return new Float32Array(bytes.buffer);
}

/**
 * Centred running mean over a share of the points; a gap stays a gap. It starts with few points, since curves start steep, and
 * ends looking back, since a single last point is noise.
 */
function smooth(values, share) {
  const reach = Math.floor((values.length * share) / 2);
  if (reach === 0) return [...values];
  return Array.from(values, (value, i) => {
    if (Number.isNaN(value)) return NaN;
    const back = Math.min(reach, i);
    let sum = 0;
    let count = 0;
    for (let j = i - back; j <= Math.min(i + back, values.length - 1); j++) {
      if (Number.isNaN(values[j])) continue;
      sum += values[j];
      count++;
    }
    return sum / count;
  });
}

/** A group's finished trials as one: mean, lowest and highest at each place; and each trial for itself. */
function groupOf(group, curves, trials, choice) {
  const own = curves.filter(({ trial, x }) => group.trials.includes(trial) && !Number.isNaN(x[0]));
  const done = own.filter(({ trial }) => trials[trial].done);
  const lines = [];
  const line = (x, y, more) => {
    lines.push({ x, y });
    return { x, y, ...more };
  };
  const made = {
    label: group.label,
    colour: group,
    lines,
    mean: null,
    raw: null,
    band: null,
    extremes: null,
  };
  const common = commonPlaces(done, choice.axis);
  if (common) {
    const { x, columns } = common;
    const smoothed = columns.map(({ mean }) => smooth(mean, choice.window));
    made.mean = line(x, across(smoothed, average));
    if (choice.window > 0)
      made.raw = line(
        x,
        across(
          columns.map(({ mean }) => mean),
          average,
        ),
      );
    if (done.length > 1) made.band = { x, low: across(smoothed, least), high: across(smoothed, most) };
    const [lows, highs] = [columns.map(({ low }) => low), columns.map(({ high }) => high)];
    if (done.length > 1 || done[0].low !== done[0].mean)
      made.extremes = { x, low: across(lows, least), high: across(highs, most) };
  }
  const several = done.length > 1;
  made.singles = own
    .filter(({ trial }) => choice.singles && (several || !trials[trial].done))
    .map(({ trial, x, mean }) => {
      const { seed, status, done: finished, key } = trials[trial];
      const name = `${group.label}, seed ${seed}, ${finished ? key : status}`;
      return line([...x], smooth(mean, choice.window), { name });
    });
  return made;
}

/**
 * Curves at the same places. Where all were recorded at the same updates these, on an axis of time each at the mean of its times;
 * else the places of the longest within what all cover, the others interpolated.
 */
function commonPlaces(curves, { id }) {
  if (curves.length === 0) return null;
  const [first] = curves;
  const time = id === 'wall' || id === 'device';
  const same = curves.every((one) => equal(one.updates, first.updates) && (time || equal(one.x, first.x)));
  if (same)
    return {
      x: across(
        curves.map(({ x }) => x),
        average,
      ),
      columns: curves,
    };
  const start = Math.max(...curves.map(({ x }) => x[0]));
  const end = Math.min(...curves.map(({ x }) => x.at(-1)));
  const finest = curves.reduce((a, b) => (b.x.length > a.x.length ? b : a));
  const x = [...finest.x].filter((place) => place >= start && place <= end);
  if (x.length === 0) return null;
  const columns = curves.map((curve) => ({
    mean: interpolate(curve.x, curve.mean, x),
    low: interpolate(curve.x, curve.low, x),
    high: interpolate(curve.x, curve.high, x),
  }));
  return { x, columns };
}

function equal(a, b) {
  return a === b || (a.length === b.length && a.every((value, i) => value === b[i]));
}

/** Piecewise linear, and never across a gap; both ascend. */
function interpolate(at, values, places) {
  let next = 0;
  return places.map((place) => {
    while (next < at.length - 1 && at[next] < place) next++;
    if (at[next] === place || next === 0) return values[next];
    const share = (place - at[next - 1]) / (at[next] - at[next - 1]);
    return values[next - 1] + Math.min(1, share) * (values[next] - values[next - 1]);
  });
}

/** A figure of the columns at each place; a gap where one of them has one. */
function across(columns, figure) {
  return Array.from(columns[0], (_, i) => figure(columns.map((column) => column[i])));
}

const average = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
const least = (values) => values.reduce((a, b) => Math.min(a, b));
const most = (values) => values.reduce((a, b) => Math.max(a, b));

function rangesOf({ xaxis, yaxis }, kind) {
  return { kind, x: [...xaxis.range], y: [...yaxis.range] };
}

/** Stretches without a gap, as a band must be drawn piece by piece. */
function stretches(values) {
  const found = [];
  values.forEach((value, i) => {
    if (Number.isNaN(value)) return;
    if (found.at(-1)?.end === i) found.at(-1).end = i + 1;
    else found.push({ start: i, end: i + 1 });
  });
  return found;
}

function tracesOf({ label, colour, mean, raw, band, extremes, singles }, choice, scheme) {
  const hue = colour[scheme];
  const area = ({ x, low, high }, alpha) =>
    stretches(high).flatMap(({ start, end }) => {
      const edge = { mode: 'lines', line: { width: 0 }, hoverinfo: 'skip', x: x.slice(start, end) };
      return [
        { ...edge, y: low.slice(start, end) },
        { ...edge, y: high.slice(start, end), fill: 'tonexty', fillcolor: hue + alpha },
      ];
    });
  const faint = (one, width, opacity) => ({
    ...one,
    mode: 'lines',
    hoverinfo: 'skip',
    line: { color: hue, width },
    opacity,
  });
  return [
    ...(extremes ? area(extremes, '14') : []),
    ...(band ? area(band, '2b') : []),
    ...(raw ? [faint(raw, 1, 0.4)] : []),
    ...singles.map((one) => faint(one, 0.9, 0.6)),
    ...(mean
      ? [
          {
            ...mean,
            name: label,
            mode: mean.x.length > 1 ? 'lines' : 'markers',
            line: { color: hue, width: choice.window > 0 ? 2.4 : 1.6, dash: colour.dash },
            marker: { color: hue, size: 8 },
            hovertemplate: '%{y:.3g}',
          },
        ]
      : []),
  ];
}

/** Ends of the ordinate: all lines and references; extremes where they are near or asked for, else words say how far they go. */
function rangeOf(panel, groups, log, allExtremes) {
  const values = (columns) => columns.flat().filter((value) => !Number.isNaN(value) && (!log || value > 0));
  const lines = values([
    ...groups.flatMap((group) => group.lines.map(({ y }) => y)),
    ...groups.flatMap(({ band }) => (band ? [band.low, band.high] : [])),
    panel.references.map(({ value }) => value),
  ]);
  const extremes = values(
    groups.flatMap((group) => (group.extremes ? [group.extremes.low, group.extremes.high] : [])),
  );
  if (lines.length === 0) return { ends: panel.range ?? [log ? 0.1 : 0, 1], outside: '' };
  let [low, high] = [least(lines), most(lines)];
  const [lowest, highest] = [least([low, ...extremes]), most([high, ...extremes])];
  const far = highest - lowest > 2.5 * (high - low) && !allExtremes;
  if (!far) [low, high] = [lowest, highest];
  const text = (value) => String(Number(value.toPrecision(3)));
  const outside = far
    ? `Single records reach from ${text(lowest)} to ${text(highest)}, outside the chart.`
    : '';
  if (panel.range && !log && low >= panel.range[0] && high <= panel.range[1])
    return { ends: [panel.range[0] - 0.03, panel.range[1] + 0.03], outside };
  if (log) return { ends: [low / 1.15, high * 1.15], outside };
  const pad = (high - low || Math.abs(high) || 1) * 0.06;
  // Losses stand on zero.
  return { ends: [panel.metric.startsWith('loss/') && low >= 0 ? 0 : low - pad, high + pad], outside };
}

/** Ends of the abscissa. */
function reachOf(lines, log) {
  const ends = lines.map(({ x }) => x.at(-1));
  if (!log) return [0, Math.max(0, ...ends) || 1];
  const starts = lines.flatMap(({ x }) => x.find((value) => value > 0) ?? []);
  if (starts.length === 0) return [0, 1];
  return [Math.log10(Math.min(...starts)), Math.log10(Math.max(...ends))];
}

/** Where trials of the shown groups were resumed or changed their micro-batch; at the foot alone where these are many. */
function seamLines({ groups, axis, logx }, curves, trials, scheme) {
  const drawn = new Set(curves.map(({ trial }) => trial));
  const seams = groups.flatMap((group) =>
    group.trials
      .filter((trial) => drawn.has(trial))
      .flatMap((trial) => trials[trial].seams.map((seam) => ({ ...seam, trial, colour: group[scheme] }))),
  );
  return seams.flatMap((seam) => {
    const x = axis.id === 'epochs' ? seam.updates / trials[seam.trial].epoch : seam[axis.id] / axis.divisor;
    if (logx && !(x > 0)) return [];
    const line = { color: seam.colour, width: 1.2, dash: seam.kind === 'resumed' ? 'dot' : 'dash' };
    const y1 = seams.length > 12 ? 0.05 : 1;
    return [{ type: 'line', layer: 'below', yref: 'paper', y0: 0, y1, x0: x, x1: x, line }];
  });
}

/** Names at the right end of lines, moved apart where they would cover each other. */
function endLabels(lines, range, log, height) {
  const part = (y) =>
    log ? Math.log(y / range[0]) / Math.log(range[1] / range[0]) : (y - range[0]) / (range[1] - range[0]);
  const labels = lines
    .filter(({ y }) => y !== undefined && (!log || y > 0))
    .map(({ text, y, colour }) => ({ text, colour, at: part(y) * height }))
    .sort((a, b) => a.at - b.at);
  const line = 17;
  labels.forEach((label, i) => (label.at = Math.max(label.at, i > 0 ? labels[i - 1].at + line : 0)));
  for (let i = labels.length - 1, top = height; i >= 0; i--, top -= line)
    labels[i].at = Math.min(labels[i].at, top);
  return labels.map(({ text, colour, at }) => ({
    xref: 'paper',
    yref: 'paper',
    x: 1,
    y: at / height,
    xanchor: 'left',
    yanchor: 'middle',
    xshift: 6,
    showarrow: false,
    text: escaped(text),
    font: { size: 13, color: colour },
  }));
}

/** The library reads a little HTML in labels; names come from users. */
function escaped(text) {
  return text.replace(/[&<>]/g, (letter) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[letter]);
}
