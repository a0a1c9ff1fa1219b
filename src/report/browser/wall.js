/** @file The image wall: one step, one zoom and one window for the pictures of all trials; differences drawn from them. */
/* global Image, IntersectionObserver, document, matchMedia, section, window */

/** What differences there are, where their pictures are. */
const DIFFERENCES = [
  { of: 'gx', minus: 'x', label: 'G(X) − X: what G changed' },
  { of: 'fgx', minus: 'x', label: 'F(G(X)) − X: what the cycle lost' },
  { of: 'gx', minus: 'y', label: 'G(X) − Y: what is still wrong' },
];
const NEGATIVE = [98, 181, 238];
const POSITIVE = [255, 154, 87];

async function openWall(element, data) {
  const controls = element.querySelector('.wall-controls');
  const wall = element.querySelector('.wall');
  const control = (name) => controls.querySelector(`[name="${name}"]`);
  const sources = data.sources.map(
    (url, at) => url ?? wall.querySelector(`img[data-source="${at}"]`).getAttribute('src'),
  );
  const roleOf = Object.fromEntries(data.roles.map((role) => [role.role, role]));
  const shares = [
    ...new Set(
      data.pictures.flatMap(({ trials }) => trials.flatMap(({ frames }) => frames.map(({ share }) => share))),
    ),
  ].sort((a, b) => a - b);
  const differences = DIFFERENCES.filter(({ of, minus }) => roleOf[of] && roleOf[minus]);
  const state = { picture: 0, share: shares.at(-1), zoom: 1, x: 0.5, y: 0.5 };
  /** Tiles on the wall, each with what it shows. */
  let tiles = [];

  const pixelsOf = new Map();
  /** Grey values of a source, once for each size: earlier steps can be smaller. */
  function pixels(source, size) {
    const id = `${source} ${size?.width}`;
    if (!pixelsOf.has(id)) {
      pixelsOf.set(
        id,
        (async () => {
          const image = new Image();
          image.src = sources[source];
          await image.decode();
          const width = size?.width ?? image.naturalWidth;
          const height = size?.height ?? image.naturalHeight;
          const canvas = Object.assign(document.createElement('canvas'), { width, height });
          const context = canvas.getContext('2d', { willReadFrequently: true });
          context.imageSmoothingQuality = 'high';
          context.drawImage(image, 0, 0, width, height);
          const { data: rgba } = context.getImageData(0, 0, width, height);
          const grey = Uint8Array.from({ length: width * height }, (_, i) => rgba[4 * i]);
          return { width, height, grey };
        })(),
      );
    }
    return pixelsOf.get(id);
  }

  /** The newest picture that the trial had at the chosen step. */
  const frameAt = (trial) => trial.frames.findLast(({ share }) => share <= state.share);

  function tileOf(trial, kind) {
    const holder = document.createElement('div');
    holder.className = 'tile';
    const tile = { holder, trial, kind, shown: undefined };
    tiles.push(tile);
    watcher.observe(holder);
    return holder;
  }

  const watcher = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        const tile = tiles.find(({ holder }) => holder === target);
        if (!tile) continue;
        tile.visible = isIntersecting;
        if (isIntersecting) show(tile);
      }
    },
    { rootMargin: '300px' },
  );

  const labelOf = ({ cell, seed }) => `${data.settings[cell]}, seed ${seed}`;

  async function show(tile) {
    const { trial, kind, holder } = tile;
    const frame = frameAt(trial);
    const difference = kind === 'difference' ? differences[Number(control('difference').value)] : undefined;
    const [of, minus] = difference
      ? [frame?.roles[difference.of], frame?.roles[difference.minus]]
      : [frame?.roles[kind], undefined];
    const wanted = `${of} ${minus} ${difference ? control('scale').value : ''}`;
    if (tile.shown === wanted) return;
    tile.shown = wanted;
    const at = frame ? `, update ${frame.step}` : '';
    if (of === undefined || (difference && minus === undefined)) {
      holder.replaceChildren(
        Object.assign(document.createElement('span'), {
          className: 'missing',
          textContent: frame ? 'none' : 'not yet',
        }),
      );
      return;
    }
    if (!difference) {
      const image = holder.querySelector('img') ?? new Image();
      image.alt = `${roleOf[kind].label}: ${roleOf[kind].text}, ${labelOf(trial)}${at}`;
      image.draggable = false;
      image.src = sources[of];
      if (!image.isConnected) holder.replaceChildren(image);
      return;
    }
    const a = await pixels(of);
    const b = await pixels(minus, a);
    if (tile.shown !== wanted) return; // another was asked for meanwhile
    const canvas = holder.querySelector('canvas') ?? document.createElement('canvas');
    Object.assign(canvas, { width: a.width, height: a.height });
    canvas.setAttribute('role', 'img');
    canvas.setAttribute('aria-label', `${difference.label}, ${labelOf(trial)}${at}`);
    paintDifference(canvas, a.grey, b.grey);
    if (!canvas.isConnected) holder.replaceChildren(canvas);
  }

  /** Zero is black, so that blue and orange grow brighter with what differs. */
  function paintDifference(canvas, a, b) {
    const context = canvas.getContext('2d');
    const image = context.createImageData(canvas.width, canvas.height);
    const scale = Number(control('scale').value);
    for (let i = 0; i < a.length; i++) {
      const share = Math.max(-1, Math.min(1, (a[i] - b[i]) / scale));
      const colour = share < 0 ? NEGATIVE : POSITIVE;
      const strength = Math.abs(share);
      for (let c = 0; c < 3; c++) image.data[4 * i + c] = colour[c] * strength;
      image.data[4 * i + 3] = 255;
    }
    context.putImageData(image, 0, 0);
  }

  const kindsOf = () => [
    ...data.roles.map(({ role, label }) => ({ kind: role, label })),
    ...(differences.length > 0 ? [{ kind: 'difference', label: 'difference' }] : []),
  ];

  const head = (texts) => {
    const row = document.createElement('tr');
    for (const text of texts)
      row.append(Object.assign(document.createElement('th'), { scope: 'col', textContent: text }));
    const thead = document.createElement('thead');
    thead.append(row);
    return thead;
  };

  /** Lays the wall anew. */
  function build() {
    watcher.disconnect();
    tiles = [];
    const { trials } = data.pictures[state.picture];
    const matrix = controls.querySelector('input[type="radio"]:checked').value === 'matrix';
    for (const one of controls.querySelectorAll('.for-matrix')) one.hidden = !matrix;
    for (const one of controls.querySelectorAll('.for-rows')) one.hidden = matrix;
    const table = document.createElement('table');
    const body = document.createElement('tbody');
    const kinds = kindsOf();
    const cell = (trial, kind) => {
      const td = document.createElement('td');
      if (trial) td.append(tileOf(trial, kind));
      return td;
    };
    const heading = (text, note) => {
      const th = Object.assign(document.createElement('th'), { scope: 'row', textContent: text });
      if (note)
        th.append(Object.assign(document.createElement('span'), { className: 'which', textContent: note }));
      return th;
    };
    const settings = [...new Set(trials.map(({ cell: setting }) => setting))];
    if (matrix) {
      const seeds = [...new Set(trials.map(({ seed }) => seed))].sort((a, b) => a - b);
      table.append(head(['Setting', ...seeds.map((seed) => `seed ${seed}`)]));
      for (const setting of settings) {
        const row = document.createElement('tr');
        row.append(heading(data.settings[setting]));
        for (const seed of seeds) {
          row.append(
            cell(
              trials.find((trial) => trial.cell === setting && trial.seed === seed),
              control('kind').value,
            ),
          );
        }
        body.append(row);
      }
    } else {
      table.append(head(['Trial', ...kinds.map(({ label }) => label)]));
      const shown = control('seeds').checked
        ? trials
        : settings.map((setting) => trials.find((trial) => trial.cell === setting));
      for (const trial of shown) {
        const row = document.createElement('tr');
        row.append(
          heading(data.settings[trial.cell], [`seed ${trial.seed}`, trial.status].filter(Boolean).join(', ')),
        );
        for (const { kind } of kinds) row.append(cell(trial, kind));
        body.append(row);
      }
    }
    table.append(body);
    wall.replaceChildren(table);
    refresh();
  }

  /** Shows what changed in the tiles that are seen; the others when they come into sight. */
  function refresh(all = false) {
    for (const tile of tiles) if (all || tile.visible) show(tile);
    const text = control('step-text');
    if (text) {
      text.value = `about ${state.share} % of the budget`;
      control('step').setAttribute('aria-valuetext', text.value);
    }
    const scale = Number(control('scale').value);
    control('minus').value = amount(-scale, true);
    control('plus').value = amount(scale, true);
    // What the controls say stands on the wall, too: on paper there are no controls.
    const [first, ...others] = wall.querySelectorAll('thead th');
    note(first, `at about ${state.share} %`);
    const matrix = control('kind').closest('label').hidden === false;
    const drawn = matrix ? control('kind').value === 'difference' && first : others.at(-1);
    if (drawn && differences.length > 0) {
      const { label } = differences[Number(control('difference').value)];
      note(drawn, `${label.split(':')[0]}, ±${amount(scale, true).slice(1)}`);
    }
  }

  /** Below a heading. */
  function note(heading, text) {
    const place = heading.querySelector('.which') ?? document.createElement('span');
    Object.assign(place, { className: 'which', textContent: text });
    heading.append(place);
  }

  /** Grey levels of the page's pictures as stored values, where these are known. */
  function amount(level, difference = false) {
    const [low, high] = data.range ?? [0, 100];
    const value = (level / 255) * (high - low) + (difference ? 0 : low);
    const maximumFractionDigits = high - low >= 100 ? 0 : high - low >= 2 ? 2 : 4;
    const text = value
      .toLocaleString('en', { maximumFractionDigits })
      .replaceAll(',', '\u202f')
      .replace('-', '−');
    return `${difference && level > 0 ? '+' : ''}${text}${data.range ? '' : ' %'}`;
  }

  function setWindow(level, width) {
    control('level').value = Math.round(level);
    control('window').value = Math.round(width);
    applyWindow();
  }

  function applyWindow() {
    const [level, width] = [Number(control('level').value), Number(control('window').value)];
    const low = level - width / 2;
    for (const part of element.querySelectorAll('.wall-filter feComponentTransfer > *')) {
      part.setAttribute('slope', 255 / width);
      part.setAttribute('intercept', -low / width);
    }
    const text = `${amount(low)} to ${amount(low + width)}`;
    control('window-text').value = text;
  }

  /** What X and Y of the shown picture hold, but for one percent at each end. */
  async function fitWindow() {
    const { trials } = data.pictures[state.picture];
    const roles = ['x', 'y', 'y-other'];
    const used = trials.flatMap(({ frames }) => frames.map((frame) => frame.roles));
    const given = new Set(used.flatMap((of) => roles.flatMap((role) => of[role] ?? [])));
    const values = (await Promise.all([...given].slice(0, 4).map((source) => pixels(source)))).map(
      ({ grey }) => grey,
    );
    const counts = new Array(256).fill(0);
    for (const grey of values) for (const value of grey) counts[value]++;
    const total = counts.reduce((sum, one) => sum + one, 0);
    if (total === 0) return setWindow(127.5, 255);
    const at = (share) => {
      let seen = 0;
      return counts.findIndex((one) => (seen += one) >= share * total);
    };
    const [low, high] = [at(0.01), at(0.99)];
    setWindow((low + high) / 2, Math.max(4, high - low));
  }

  function place() {
    const reach = 0.5 / state.zoom;
    state.x = Math.min(1 - reach, Math.max(reach, state.x));
    state.y = Math.min(1 - reach, Math.max(reach, state.y));
    wall.style.setProperty('--zoom', state.zoom);
    wall.style.setProperty('--left', `${(0.5 - state.x * state.zoom) * 100}%`);
    wall.style.setProperty('--top', `${(0.5 - state.y * state.zoom) * 100}%`);
    wall.classList.toggle('zoomed', state.zoom > 1);
    control('zoom-text').value = `${Math.round(state.zoom * 100)} %`;
  }

  /** Zooms about a place of the picture that stays where it is. `at`: from the tile's upper left, as shares of its side. */
  // For whoever shows a newer version of the page in this one's place.
  element.choices = {
    get: () => ({ zoom: state.zoom, x: state.x, y: state.y }),
    set: (chosen) => {
      Object.assign(state, chosen);
      place();
    },
  };

  function zoomBy(factor, at = { x: 0.5, y: 0.5 }) {
    const zoom = Math.min(16, Math.max(1, state.zoom * factor));
    state.x += (at.x - 0.5) * (1 / state.zoom - 1 / zoom);
    state.y += (at.y - 0.5) * (1 / state.zoom - 1 / zoom);
    state.zoom = zoom;
    place();
  }

  function move(dx, dy) {
    state.x -= dx / state.zoom;
    state.y -= dy / state.zoom;
    place();
  }

  function reset() {
    Object.assign(state, { zoom: 1, x: 0.5, y: 0.5 });
    place();
  }

  const within = (event) => {
    const tile = event.target.closest?.('.tile');
    if (!tile) return undefined;
    const box = tile.getBoundingClientRect();
    return {
      x: (event.clientX - box.left) / box.width,
      y: (event.clientY - box.top) / box.height,
      width: box.width,
      height: box.height,
    };
  };

  const fingers = new Map();
  wall.addEventListener('pointerdown', (event) => {
    const at = within(event);
    if (!at) return;
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY, at });
  });
  wall.addEventListener('pointermove', (event) => {
    const finger = fingers.get(event.pointerId);
    if (!finger) return;
    const [first, second] = [...fingers.values()];
    if (second) {
      const apart = () => Math.hypot(first.x - second.x, first.y - second.y) || 1;
      const before = apart();
      Object.assign(finger, { x: event.clientX, y: event.clientY });
      zoomBy(apart() / before, first.at);
    } else {
      move((event.clientX - finger.x) / finger.at.width, (event.clientY - finger.y) / finger.at.height);
      Object.assign(finger, { x: event.clientX, y: event.clientY });
    }
  });
  for (const type of ['pointerup', 'pointercancel']) {
    window.addEventListener(type, (event) => fingers.delete(event.pointerId));
  }
  wall.addEventListener(
    'wheel',
    (event) => {
      const at = within(event);
      if (!at || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      zoomBy(Math.exp(-event.deltaY / 300), at);
    },
    { passive: false },
  );
  wall.addEventListener('dblclick', (event) => {
    const at = within(event);
    if (at) zoomBy(2, at);
  });
  const KEYS = {
    '+': () => zoomBy(1.5),
    '=': () => zoomBy(1.5),
    '-': () => zoomBy(1 / 1.5),
    0: reset,
    ArrowLeft: () => move(0.1, 0),
    ArrowRight: () => move(-0.1, 0),
    ArrowUp: () => move(0, 0.1),
    ArrowDown: () => move(0, -0.1),
  };
  wall.addEventListener('keydown', (event) => {
    const arrow = event.key.startsWith('Arrow');
    // At full size the arrow keys scroll the page, as everywhere.
    if (!KEYS[event.key] || event.ctrlKey || event.metaKey || (arrow && state.zoom === 1)) return;
    event.preventDefault();
    KEYS[event.key]();
  });

  const fill = (select, options) =>
    select?.replaceChildren(
      ...options.map(({ value, label }) => Object.assign(document.createElement('option'), { value, textContent: label })), // prettier-ignore
    );
  fill(
    control('picture'),
    data.pictures.map(({ name }, value) => ({ value, label: name })),
  );
  fill(
    control('kind'),
    kindsOf().map(({ kind, label }) => ({ value: kind, label })),
  );
  if (roleOf.gx) control('kind').value = 'gx';
  fill(
    control('difference'),
    differences.map(({ label }, value) => ({ value, label })),
  );
  for (const one of controls.querySelectorAll('.for-difference')) one.hidden = differences.length === 0;
  const step = control('step');
  if (step) Object.assign(step, { max: shares.length - 1, value: shares.length - 1 });

  const size = () => wall.style.setProperty('--side', `${control('size').value}px`);
  if (matchMedia('(max-width: 640px)').matches) control('size').value = 110;
  const on = (name, type, answer) => control(name)?.addEventListener(type, answer);
  on('picture', 'change', async () => {
    state.picture = Number(control('picture').value);
    build();
    await fitWindow();
  });
  for (const radio of controls.querySelectorAll('input[type="radio"]'))
    radio.addEventListener('change', build);
  on('kind', 'change', build);
  on('seeds', 'change', build);
  on('size', 'input', size);
  on('step', 'input', () => {
    state.share = shares[Number(step.value)];
    refresh();
  });
  on('in', 'click', () => zoomBy(1.5));
  on('out', 'click', () => zoomBy(1 / 1.5));
  on('reset', 'click', reset);
  on('level', 'input', applyWindow);
  on('window', 'input', applyWindow);
  on('auto', 'click', fitWindow);
  on('full', 'click', () => setWindow(127.5, 255));
  on('difference', 'change', () => refresh());
  on('scale', 'input', () => refresh());
  window.addEventListener('beforeprint', () => refresh(true));

  controls.hidden = false;
  wall.style.setProperty('--window', `url(#${element.querySelector('.wall-filter filter').id})`);
  size();
  build();
  place();
  await fitWindow();
}

section('wall', (element, data) => {
  if (data) return openWall(element, data);
});
