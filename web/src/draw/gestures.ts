// SPDX-License-Identifier: MIT
// gestures.ts - mouse, wheel, touch and pinch as five plain events: pan, zoom, hover, click, menu.
//
//   wheel: scroll · shift or sideways: pan · ctrl or pinch on a touchpad: zoom
//   drag: pan · click · right click: menu · two fingers: zoom and pan

export interface GestureEvents {
  pan(dx: number, dy: number): void;
  /** factor < 1: in. */
  zoom(factor: number, x: number): void;
  hover(x: number, y: number): void;
  leave(): void;
  click(x: number, y: number): void;
  menu(x: number, y: number): void;
}

const CLICK_SLOP_PX = 4;
const LINE_PX = 32;

export function attachGestures(host: HTMLElement, events: GestureEvents): () => void {
  const pointers = new Map<number, { x: number; y: number }>();
  let moved = false;
  let origin = { x: 0, y: 0 };
  const local = (event: MouseEvent): { x: number; y: number } => {
    const box = host.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };

  const down = (event: PointerEvent): void => {
    if (event.button !== 0) return;
    pointers.set(event.pointerId, local(event));
    origin = local(event);
    moved = pointers.size > 1;
  };
  const move = (event: PointerEvent): void => {
    const at = local(event);
    const before = pointers.get(event.pointerId);
    if (!before) {
      if (event.pointerType === 'mouse') events.hover(at.x, at.y);
      return;
    }
    if (!moved && Math.hypot(at.x - origin.x, at.y - origin.y) < CLICK_SLOP_PX) return;
    if (!moved) host.setPointerCapture(event.pointerId);
    moved = true;
    const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
    if (other) {
      const apart = Math.max(20, Math.abs(at.x - other.x));
      events.zoom(Math.max(20, Math.abs(before.x - other.x)) / apart, (at.x + other.x) / 2);
      events.pan((at.x - before.x) / 2, (at.y - before.y) / 2);
    } else {
      events.pan(at.x - before.x, at.y - before.y);
      events.leave();
    }
    pointers.set(event.pointerId, at);
  };
  const up = (event: PointerEvent): void => {
    const wasDown = pointers.delete(event.pointerId);
    if (event.type === 'pointerup' && wasDown && !moved) {
      const at = local(event);
      events.click(at.x, at.y);
    }
  };
  const leave = (): void => events.leave();
  const menu = (event: MouseEvent): void => {
    event.preventDefault();
    const at = local(event);
    events.menu(at.x, at.y);
  };
  const wheel = (event: WheelEvent): void => {
    event.preventDefault();
    const unit = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? LINE_PX : 1;
    const [dx, dy] = [event.deltaX * unit, event.deltaY * unit];
    if (event.ctrlKey || event.metaKey)
      events.zoom(Math.exp(Math.max(-60, Math.min(60, dy)) / 150), local(event).x);
    else if (event.shiftKey && dx === 0) events.pan(-dy, 0);
    else events.pan(-dx, -dy);
  };

  const stop = new AbortController();
  const options = { signal: stop.signal };
  host.addEventListener('pointerdown', down, options);
  host.addEventListener('pointermove', move, options);
  host.addEventListener('pointerup', up, options);
  host.addEventListener('pointercancel', up, options);
  host.addEventListener('pointerleave', leave, options);
  host.addEventListener('contextmenu', menu, options);
  host.addEventListener('wheel', wheel, { ...options, passive: false });
  return () => stop.abort();
}
