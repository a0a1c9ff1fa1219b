/** @file Parallel coordinates: other colours, and lines kept by ranges on axes or by the filter of the table of trials. */
/* global DOMPoint, section, window */

/** A range takes in what lies this near to its ends, in units of the drawing: so that an axis's end can be met. */
const REACH = 6;

function openParallel(element, data) {
  const tools = element.querySelector('.parallel-tools');
  const svg = element.querySelector('.parallel svg');
  const lines = [...svg.querySelectorAll('polyline')];
  const colour = tools.querySelector('select');
  /** By axis, from and to in units of the drawing. */
  const ranges = new Map();
  let kept;

  function show() {
    lines.forEach((line, at) => {
      const within = [...ranges].every(([axis, [from, to]]) => {
        const y = data.axes[axis][at];
        return y !== null && y >= from - REACH && y <= to + REACH;
      });
      line.classList.toggle('off', !within || (kept !== undefined && !kept.has(Number(line.dataset.row))));
    });
  }

  colour.addEventListener('change', () => {
    const colours = data.colours[Number(colour.value)];
    lines.forEach((line, at) => line.setAttribute('stroke', colours[at]));
  });
  element.closest('article').addEventListener('trials-filtered', (event) => {
    kept = event.detail.kept;
    show();
  });

  const height = (event) =>
    new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse()).y;
  let drag;
  for (const axis of svg.querySelectorAll('.axis')) {
    axis.querySelector('.grip').addEventListener('pointerdown', (event) => {
      event.preventDefault();
      drag = { axis, from: height(event) };
    });
  }
  window.addEventListener('pointermove', (event) => {
    if (!drag) return;
    const to = height(event);
    const [low, high] = [Math.min(drag.from, to), Math.max(drag.from, to)];
    const brush = drag.axis.querySelector('.brush');
    const long = high - low > 4;
    brush.toggleAttribute('hidden', !long);
    brush.setAttribute('y', low);
    brush.setAttribute('height', high - low);
    const at = Number(drag.axis.dataset.axis);
    if (long) ranges.set(at, [low, high]);
    else ranges.delete(at);
    show();
  });
  window.addEventListener('pointerup', (event) => {
    if (drag && Math.abs(height(event) - drag.from) <= 4) {
      drag.axis.querySelector('.brush').toggleAttribute('hidden', true);
      ranges.delete(Number(drag.axis.dataset.axis));
      show();
    }
    drag = undefined;
  });
  tools.hidden = false;
}

section('grid', (element, data) => {
  if (data) openParallel(element, data);
});
