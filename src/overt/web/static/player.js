// Plays a recorded episode: frames as pictures, pointer and action drawn over them.
//
// Every element with data-player="ID" is a player; the JSON script element of that id
// holds {width_px, height_px, start, frames: [{src, t_ms, pointer, action, label}]}, with
// pointer and action in the picture's pixels. Space plays and pauses, arrow keys step,
// Home and End jump. Nothing is fetched but the pictures; it imports nothing, so a
// report can carry it inline.

const SVG = "http://www.w3.org/2000/svg";
const SHORTEST_MS = 120;
const LONGEST_MS = 2500;

function shape(name, attributes, parent) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  parent.append(node);
  return node;
}

function drawPointer([x, y], scale, parent) {
  const outline = [[0, 0], [0, 16], [4, 12.5], [7, 19], [9.5, 18], [6.6, 11.6], [11.5, 11.6]];
  const points = outline.map(([dx, dy]) => `${x + dx * scale},${y + dy * scale}`).join(" ");
  shape("polygon", { points, class: "pointer" }, parent);
}

function drawAction(action, scale, parent) {
  if (action === null || action.x_px === undefined) return;
  const at = { cx: action.x_px, cy: action.y_px };
  shape("circle", { ...at, r: 12 * scale, class: `ring ${action.action}` }, parent);
  if (action.count > 1) shape("circle", { ...at, r: 18 * scale, class: "ring" }, parent);
  if (action.action === "drag") {
    const { x_px: x1, y_px: y1, to_x_px: x2, to_y_px: y2 } = action;
    shape("line", { x1, y1, x2, y2, class: "path" }, parent);
    shape("circle", { cx: x2, cy: y2, r: 6 * scale, class: "ring" }, parent);
  }
  if (action.action === "scroll") {
    const [dx, dy] = [Math.sign(action.dx) * 30 * scale, Math.sign(action.dy) * 30 * scale];
    const { cx: x1, cy: y1 } = at;
    shape("line", { x1, y1, x2: x1 + dx, y2: y1 + dy, class: "path" }, parent);
  }
}

class Player {
  constructor(root) {
    this.root = root;
    this.episode = JSON.parse(document.getElementById(root.dataset.player).textContent);
    this.frames = this.episode.frames;
    this.index = 0;
    this.timer = null;
    this.stage = root.querySelector(".stage");
    this.now = root.querySelector(".now");
    this.playButton = root.querySelector('[data-do="play"]');
    this.slider = root.querySelector('input[type="range"]');
    this.speed = root.querySelector("select");
    this.buildStage();
    this.listen();
    this.show(this.episode.start ?? 0);
  }

  buildStage() {
    const { width_px: width, height_px: height } = this.episode;
    this.image = document.createElement("img");
    this.image.alt = "";
    this.image.width = width;
    this.image.height = height;
    this.overlay = document.createElementNS(SVG, "svg");
    this.overlay.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.overlay.setAttribute("aria-hidden", "true");
    this.stage.append(this.image, this.overlay);
  }

  listen() {
    const actions = { back: () => this.step(-1), on: () => this.step(1), play: () => this.toggle() };
    for (const [name, run] of Object.entries(actions)) {
      this.root.querySelector(`[data-do="${name}"]`).addEventListener("click", run);
    }
    this.slider.addEventListener("input", () => {
      this.pause();
      this.show(Number(this.slider.value));
    });
    this.root.addEventListener("keydown", (event) => this.key(event));
  }

  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.target.matches("input, select, summary")) return;
    const keys = {
      " ": () => this.toggle(),
      ArrowLeft: () => this.step(-1),
      ArrowRight: () => this.step(1),
      Home: () => this.step(-this.index),
      End: () => this.step(this.frames.length),
    };
    const run = keys[event.key];
    if (!run || (event.key === " " && event.target.matches("button"))) return;
    event.preventDefault();
    run();
  }

  show(index) {
    if (!this.frames.length) {
      this.now.textContent = "Nothing was recorded in this episode.";
      return;
    }
    this.index = Math.min(Math.max(index, 0), this.frames.length - 1);
    const frame = this.frames[this.index];
    this.image.src = frame.src;
    this.overlay.replaceChildren();
    const scale = this.episode.width_px / 700;
    drawAction(frame.action, Math.max(scale, 0.4), this.overlay);
    if (frame.pointer) drawPointer(frame.pointer, Math.max(scale, 0.4), this.overlay);
    this.now.textContent = `${this.index + 1} of ${this.frames.length}. ${frame.label}`;
    this.slider.value = String(this.index);
    const next = this.frames[this.index + 1];
    if (next) new Image().src = next.src;
  }

  step(by) {
    this.pause();
    this.show(this.index + by);
  }

  toggle() {
    if (this.timer !== null) {
      this.pause();
      return;
    }
    if (this.index >= this.frames.length - 1) this.show(0);
    this.playButton.textContent = "Pause";
    this.now.setAttribute("aria-live", "off");
    this.wait();
  }

  wait() {
    const next = this.frames[this.index + 1];
    if (!next) {
      this.pause();
      return;
    }
    const gap = (next.t_ms - this.frames[this.index].t_ms) / Number(this.speed.value);
    const delay = Math.min(Math.max(gap, SHORTEST_MS), LONGEST_MS);
    this.timer = setTimeout(() => {
      this.show(this.index + 1);
      this.wait();
    }, delay);
  }

  pause() {
    clearTimeout(this.timer);
    this.timer = null;
    this.playButton.textContent = "Play";
    this.now.setAttribute("aria-live", "polite");
  }
}

for (const root of document.querySelectorAll("[data-player]")) new Player(root);
