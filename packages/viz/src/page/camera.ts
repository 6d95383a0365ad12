/** What of a picture is in sight: dragging, pinching and the wheel move it. */

interface CameraOptions {
  /** Which turns of the wheel zoom; the page scrolls by the others. */
  zooms(event: WheelEvent): boolean;
  /** Ends the listening. */
  signal?: AbortSignal;
}

interface Place {
  x: number;
  y: number;
}

/** Farther than this, and the pointer has dragged rather than clicked. */
const stillClick = 5;

export class Camera {
  private readonly picture: HTMLElement;
  /** The part of the picture that is seen: left, top, width, height. */
  private box: [number, number, number, number] = [0, 0, 1, 1];
  /** Width and height of all of it. */
  full: [number, number] = [1, 1];
  private readonly pointers = new Map<number, Place>();
  private travelled = 0;

  /** @param picture  around the svg element */
  constructor(picture: HTMLElement, { zooms, signal }: CameraOptions) {
    this.picture = picture;
    const options = signal === undefined ? {} : { signal };
    picture.addEventListener(
      "pointerdown",
      (event) => {
        this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
        this.travelled = 0;
      },
      options,
    );
    window.addEventListener("pointermove", (event) => this.moved(event), options);
    for (const end of ["pointerup", "pointercancel"] as const)
      window.addEventListener(end, (event) => this.pointers.delete(event.pointerId), options);
    picture.addEventListener(
      "wheel",
      (event) => {
        if (!zooms(event)) return;
        event.preventDefault();
        const pixels = event.deltaMode === 1 ? event.deltaY * 20 : event.deltaY;
        this.zoom(Math.exp(pixels / 500), { x: event.clientX, y: event.clientY });
      },
      { passive: false, ...options },
    );
  }

  private get svg(): SVGSVGElement {
    return this.picture.querySelector("svg")!;
  }

  /** Whether a pointer is down. */
  get isHeld(): boolean {
    return this.pointers.size > 0;
  }

  /** Whether the pointer, since it went down, has stayed where it was. */
  get isClick(): boolean {
    return this.travelled <= stillClick;
  }

  private moved(event: PointerEvent): void {
    const before = this.pointers.get(event.pointerId);
    if (before === undefined) return;
    const now = { x: event.clientX, y: event.clientY };
    this.travelled += Math.hypot(now.x - before.x, now.y - before.y);
    const other = [...this.pointers].find(([id]) => id !== event.pointerId)?.[1];
    if (other === undefined) this.pan(now.x - before.x, now.y - before.y);
    else {
      const gap = (p: Place) => Math.max(1, Math.hypot(p.x - other.x, p.y - other.y));
      const middle = { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 };
      this.zoom(gap(before) / gap(now), middle);
    }
    this.pointers.set(event.pointerId, now);
  }

  /** Films a new svg element, from where the camera is. */
  film(): void {
    const { width, height } = this.svg.viewBox.baseVal;
    this.full = [width, height];
    this.svg.setAttribute("width", "100%");
    this.svg.setAttribute("height", "100%");
    this.look(this.box);
  }

  private look(box: [number, number, number, number]): void {
    this.box = box;
    this.svg.setAttribute("viewBox", box.join(" "));
  }

  /** Everything in sight, but no larger than life, and no smaller than `smallest`. */
  fit(smallest: number): void {
    const { clientWidth: w, clientHeight: h } = this.picture;
    const scale = Math.max(smallest, Math.min(1, w / this.full[0], h / this.full[1]));
    const [width, height] = [w / scale, h / scale];
    const left = width > this.full[0] ? (this.full[0] - width) / 2 : 0;
    this.look([left, (this.full[1] - height) / 2, width, height]);
  }

  /** @param factor  above 1 shows more; `at`, in pixels of the window, stays where it is */
  zoom(factor: number, at?: Place): void {
    const area = this.picture.getBoundingClientRect();
    const across = at === undefined ? 0.5 : (at.x - area.left) / area.width;
    const down = at === undefined ? 0.5 : (at.y - area.top) / area.height;
    const [left, top, w, h] = this.box;
    const width = Math.min(Math.max(w * factor, 40), this.full[0] * 20 + area.width);
    const height = (width * area.height) / area.width;
    this.look([left + (w - width) * across, top + (h - height) * down, width, height]);
  }

  /** By pixels of the window. */
  pan(dx: number, dy: number): void {
    const [left, top, width, height] = this.box;
    const scale = width / this.picture.clientWidth;
    this.look([left - dx * scale, top - dy * scale, width, height]);
  }

  /** Brings the element into sight, if it isn't. */
  reveal(element: Element): void {
    const [it, area] = [element.getBoundingClientRect(), this.picture.getBoundingClientRect()];
    const short = (start: number, end: number, from: number, to: number) =>
      start < from ? from - start + 20 : end > to ? to - end - 20 : 0;
    this.pan(
      short(it.left, it.right, area.left, area.right),
      short(it.top, it.bottom, area.top, area.bottom),
    );
  }
}
