/** @file Draws the curves, answers the switches. */
/* global dark, document, getComputedStyle, loadPlotly, matchMedia, section, window */

section('curves', async (element, data) => {
  const charts = [...element.querySelectorAll('.chart')];

  /** What the switches say. */
  function choices() {
    const value = (name) => element.querySelector(`input[name=${name}]:checked`)?.value;
    return {
      axis: data.axes.find((axis) => axis.id === value('axis')) ?? data.axes[0],
      raw: value('curve') === 'raw',
      log: value('scale') === 'log',
      singles: element.querySelector('input[name=singles]').checked,
      shown: new Set(
        [...element.querySelectorAll('input[name=cell]:checked')].map((box) => Number(box.value)),
      ),
    };
  }

  /**
   * Centred running mean over an odd number of points; a gap stays a gap. It starts with few points, since curves start
   * steep, and ends looking back, since a single last point is noise.
   */
  function smooth(values, raw) {
    const reach = raw ? 0 : Math.floor(values.length / 40);
    if (reach === 0) return values;
    return values.map((value, i) => {
      if (value === null) return null;
      const back = Math.min(reach, i);
      const around = values.slice(i - back, i + back + 1).filter((one) => one !== null);
      return around.reduce((sum, one) => sum + one, 0) / around.length;
    });
  }

  /** At each point the mean, the lowest and the highest of the seeds; a gap where a seed has no number. */
  function acrossSeeds(seeds) {
    const columns = seeds[0].map((_, i) => seeds.map((values) => values[i]));
    const over = (f) => columns.map((column) => (column.includes(null) ? null : f(column)));
    return {
      mean: over((column) => column.reduce((sum, value) => sum + value, 0) / column.length),
      low: over((column) => Math.min(...column)),
      high: over((column) => Math.max(...column)),
    };
  }

  /** Stretches without a gap, as a band must be drawn piece by piece. */
  function stretches(values) {
    const found = [];
    values.forEach((value, i) => {
      if (value === null) return;
      if (found.at(-1)?.end === i) found.at(-1).end = i + 1;
      else found.push({ start: i, end: i + 1 });
    });
    return found;
  }

  function tracesOf(panel, choice, scheme) {
    const scaled = (xs) => xs.map((x) => x / choice.axis.divisor);
    const bands = [];
    const thin = [];
    const means = [];
    data.cells.forEach((cell, index) => {
      if (!choice.shown.has(index)) return;
      const colour = cell[scheme];
      const single = (x, y, name) =>
        thin.push({
          x,
          y,
          name,
          mode: 'lines',
          hoverinfo: 'skip',
          line: { color: colour, width: 0.8 },
          opacity: 0.6,
        });
      const curve = cell.curves[panel.metric];
      if (curve) {
        const grid = cell.grids[curve.grid];
        const x = scaled(grid[choice.axis.id]);
        const seeds = curve.values.map((values) => smooth(values, choice.raw));
        const { mean, low, high } = acrossSeeds(seeds);
        if (seeds.length > 1) {
          for (const { start, end } of stretches(mean)) {
            const edge = { mode: 'lines', line: { width: 0 }, hoverinfo: 'skip' };
            const along = x.slice(start, end);
            bands.push(
              { ...edge, x: along, y: low.slice(start, end) },
              { ...edge, x: along, y: high.slice(start, end), fill: 'tonexty', fillcolor: `${colour}2e` },
            );
          }
        }
        if (choice.singles && seeds.length > 1) {
          seeds.forEach((y, i) => {
            const own = choice.axis.id === 'seconds' ? scaled(grid.seedSeconds[i]) : x;
            single(own, y, `${cell.label}, seed ${curve.seeds[i]}`);
          });
        }
        means.push({
          x,
          y: mean,
          name: cell.label,
          mode: x.length > 1 ? 'lines' : 'markers',
          line: { color: colour, width: choice.raw ? 1.6 : 2.4, dash: cell.dash },
          marker: { color: colour, size: 8 },
          hovertemplate: '%{y:.3g}',
        });
      }
      if (choice.singles) {
        for (const trial of cell.unfinished) {
          const y = trial.curves[panel.metric];
          if (y)
            single(
              scaled(trial[choice.axis.id]),
              smooth(y, choice.raw),
              `${cell.label}, seed ${trial.seed}, ${trial.status}`,
            );
        }
      }
    });
    return { means, traces: [...bands, ...thin, ...means] };
  }

  /** Range of the ordinate, in its own units: all that is drawn and the lines that help to read it. */
  function rangeOf(panel, traces, log) {
    if (panel.range && !log) return [panel.range[0] - 0.03, panel.range[1] + 0.03];
    const values = [
      ...traces.flatMap((trace) => trace.y),
      ...panel.references.map((line) => line.value),
    ].filter((value) => value !== null && (!log || value > 0));
    if (values.length === 0) return [log ? 0.1 : 0, 1];
    const low = values.reduce((a, b) => Math.min(a, b));
    const high = values.reduce((a, b) => Math.max(a, b));
    if (log) return [low / 1.15, high * 1.15];
    const pad = (high - low || Math.abs(high) || 1) * 0.06;
    return [panel.loss && low >= 0 ? 0 : low - pad, high + pad];
  }

  /** Right end of the abscissa: the same in all figures. */
  function reachOf(choice) {
    const ends = data.cells
      .filter((_, index) => choice.shown.has(index))
      .flatMap((cell) => [
        ...cell.grids.map((grid) => grid[choice.axis.id].at(-1)),
        ...(choice.singles ? cell.unfinished.map((trial) => trial[choice.axis.id].at(-1)) : []),
        ...(choice.singles && choice.axis.id === 'seconds'
          ? cell.grids.flatMap((grid) => grid.seedSeconds.map((seconds) => seconds.at(-1)))
          : []),
      ]);
    return Math.max(0, ...ends) / choice.axis.divisor || 1;
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
    for (let i = labels.length - 1, most = height; i >= 0; i--, most -= line)
      labels[i].at = Math.min(labels[i].at, most);
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

  function draw(chart) {
    const panel = data.panels.find((one) => one.metric === chart.dataset.metric);
    const choice = choices();
    const scheme = dark.matches && !printing ? 'dark' : 'light';
    const { ink, soft, grid, paper } = {
      light: { ink: '#1d2126', soft: '#59616b', grid: '#e4e6e9', paper: '#ffffff' },
      dark: { ink: '#e8eaed', soft: '#a5adb8', grid: '#2d333b', paper: '#15181d' },
    }[scheme];
    const { means, traces } = tracesOf(panel, choice, scheme);
    const log = choice.log && panel.loss;
    const range = rangeOf(panel, traces, log);
    const main = Boolean(chart.closest('.main-figures'));
    // On paper the column is not the screen's: about 700 pixels, or half of it.
    const width = printing ? (main ? 680 : 325) : chart.clientWidth;
    const height = main ? Math.min(360, Math.max(280, width * 0.62)) : 210;
    const ends = [
      ...means.map(({ name, y, line }) => ({
        text: name,
        y: y.findLast((value) => value !== null),
        colour: line.color,
      })),
      ...panel.references.map(({ label, value }) => ({ text: label, y: value, colour: soft })),
    ];
    const right = 16 + Math.max(0, ...ends.map(({ text }) => text.length)) * 7.2;
    const labelled = main && width >= 480 && ends.length <= 11 && right <= width * 0.32;
    const margin = { l: 46, r: labelled ? right : 14, t: 10, b: 50 };
    const inside = panel.references.map((line) => ({
      xref: 'paper',
      x: 1,
      xanchor: 'right',
      y: log ? Math.log10(line.value) : line.value,
      yanchor: 'bottom',
      showarrow: false,
      text: line.label,
      font: { size: 12, color: soft },
      bgcolor: `${paper}d9`,
      borderpad: 1,
    }));
    const annotations = labelled ? endLabels(ends, range, log, height - margin.t - margin.b) : inside;
    const layout = {
      width,
      height,
      margin,
      paper_bgcolor: 'rgba(0,0,0,0)',
      plot_bgcolor: 'rgba(0,0,0,0)',
      font: { family: getComputedStyle(document.body).fontFamily, size: 13, color: soft },
      showlegend: false,
      hovermode: 'x unified',
      hoverlabel: { bgcolor: paper, bordercolor: grid, font: { color: ink, size: 13 } },
      dragmode: matchMedia('(pointer: coarse)').matches ? false : 'zoom',
      xaxis: {
        title: { text: choice.axis.title, standoff: 8 },
        range: [0, reachOf(choice)],
        tickformat: choice.axis.divisor === 1 ? '~s' : '',
        hoverformat: choice.axis.divisor === 1 ? '.3~s' : '.3~g',
        nticks: width < 420 ? 5 : 8,
        showgrid: false,
        zeroline: false,
        linecolor: soft,
        showline: true,
        ticks: 'outside',
        ticklen: 4,
        tickcolor: soft,
      },
      yaxis: {
        type: log ? 'log' : 'linear',
        range: log ? range.map(Math.log10) : range,
        gridcolor: grid,
        zeroline: false,
        nticks: main ? 7 : 5,
        tickformat: log ? '~g' : '',
        dtick: log ? (range[1] / range[0] > 30 ? 1 : 'D2') : undefined,
      },
      annotations,
      shapes: [
        ...panel.references.map((line) => ({
          type: 'line',
          layer: 'below',
          xref: 'paper',
          x0: 0,
          x1: 1,
          y0: line.value,
          y1: line.value,
          line: { color: soft, width: 1.2, dash: 'dot' },
        })),
        ...data.cells
          .filter((_, index) => choice.shown.has(index))
          .flatMap((cell) =>
            cell.halvings.map((place) => ({
              type: 'line',
              layer: 'below',
              yref: 'paper',
              y0: 0,
              y1: 1,
              x0: place[choice.axis.id] / choice.axis.divisor,
              x1: place[choice.axis.id] / choice.axis.divisor,
              line: { color: cell[scheme], width: 1.2, dash: 'dash' },
            })),
          ),
      ],
    };
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
      { displayModeBar: false, doubleClick: 'reset', showTips: false },
    );
  }

  let printing = false;

  function drawAll() {
    charts.forEach(draw);
  }

  if (charts.length === 0) return;
  if (!('DecompressionStream' in window)) {
    element.querySelector('.no-charts').hidden = false;
    return;
  }
  element.querySelector(`input[name=axis][value=${data.axis}]`).checked = true;
  await loadPlotly();
  element.querySelector('.controls').hidden = false;
  drawAll();
  element.querySelector('.controls').addEventListener('change', drawAll);
  dark.addEventListener('change', drawAll);
  window.addEventListener('resize', drawAll);
  window.addEventListener('beforeprint', () => {
    printing = true;
    drawAll();
  });
  window.addEventListener('afterprint', () => {
    printing = false;
    drawAll();
  });
});
