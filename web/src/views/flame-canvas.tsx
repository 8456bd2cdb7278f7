// SPDX-License-Identifier: MIT
// flame-canvas.tsx - a FlameChart as a component: keyboard, tooltip, menu, and a sentence for screen readers.

import type { JSX } from 'preact';
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { FlameChart } from '../draw/flame-chart.ts';
import type { ColourBy } from '../draw/palette.ts';
import type { Theme } from '../draw/theme.ts';
import { toFolded } from '../model/folded.ts';
import type { Tree } from '../model/tree.ts';
import { entryLabel, pathTo } from '../model/tree.ts';
import { foldedUnit, formatWeight } from '../model/units.ts';
import type { ViewState } from '../model/view-state.ts';
import type { Actions } from './actions.ts';
import { FactRows, factsOf, inWords } from './facts.tsx';
import { Menu } from './menu.tsx';
import type { MenuItem } from './menu.tsx';
import { useColours, useLayout, usePalette } from './use-analysis.ts';
import type { Analysis } from './use-analysis.ts';

interface Props {
  readonly analysis: Analysis;
  readonly tree: Tree;
  readonly state: ViewState;
  readonly theme: Theme;
  readonly flame: boolean;
  readonly zoomed: number;
  readonly label: string;
  readonly rootName?: string;
  readonly actions: Actions;
  onZoom(node: number): void;
}

const KEYS =
  'Arrow keys move, Enter zooms, Escape zooms out, plus and minus scale, S opens the sandwich, C copies the name.';

export function FlameCanvas(props: Props): JSX.Element {
  const { analysis, tree, state, theme, actions } = props;
  const host = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const overlay = useRef<HTMLCanvasElement>(null);
  const chart = useRef<FlameChart | null>(null);
  const [hover, setHover] = useState<{ node: number; x: number; y: number } | null>(null);
  const [menu, setMenu] = useState<{ node: number; x: number; y: number } | null>(null);
  const [selected, setSelected] = useState(-1);
  const latest = useRef(props);
  latest.current = props;

  const layout = useLayout(analysis, tree, state);
  const by: ColourBy = state.colour === 'change' && !tree.baseTotal ? 'module' : state.colour;
  const palette = usePalette(by, theme.dark);
  const colours = useColours(analysis, tree, by, palette);
  const rootName = props.rootName ?? 'all';
  const weight = state.widthOf === 'base' ? 'base' : formatWeight(state.metric, tree.total[0]);
  const rootLabel = `${rootName} · ${weight}`;
  const scene = useMemo(
    () => ({ layout, palette, colours, names: analysis.entries.names, rootLabel, theme }),
    [layout, palette, colours, analysis.entries, rootLabel, theme],
  );

  useLayoutEffect(() => {
    chart.current = new FlameChart(host.current!, canvas.current!, overlay.current!, {
      onHover: (node, x, y) => setHover(node < 0 ? null : { node, x, y }),
      onSelect: setSelected,
      onZoom: (node) => latest.current.onZoom(node),
      onMenu: (node, x, y) => openMenu(node, x, y),
    });
    return () => chart.current!.destroy();
  }, []);
  useLayoutEffect(
    () => chart.current!.show(scene, props.flame, props.zoomed),
    [scene, props.flame, props.zoomed],
  );
  useEffect(() => {
    setSelected(-1);
    setHover(null);
  }, [tree.parent]);

  const openMenu = (node: number, x: number, y: number): void => {
    const box = host.current!.getBoundingClientRect();
    setHover(null);
    if (node >= 0) setMenu({ node, x: box.left + x, y: box.top + y });
  };
  const functionOf = (node: number): number => {
    const entry = latest.current.tree.entry[node] ?? -1;
    return entry < 0 ? -1 : latest.current.analysis.entries.functionOf[entry];
  };
  const copyName = (node: number): void =>
    actions.copy(
      functionOf(node) < 0 ? 'all' : analysis.profile.functions[functionOf(node)].name,
      'the name',
    );

  const keys = (event: KeyboardEvent): void => {
    const at = chart.current!;
    const outward = props.flame ? 'ArrowDown' : 'ArrowUp';
    const inward = props.flame ? 'ArrowUp' : 'ArrowDown';
    const step = { [outward]: 'out', [inward]: 'in', ArrowLeft: 'left', ArrowRight: 'right' }[event.key] as
      'out' | undefined;
    const node = at.selection;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (step) setSelected(at.step(step));
    else if (event.key === 'Enter' && node >= 0) props.onZoom(node);
    else if (event.key === 'Escape' || event.key === 'Backspace')
      props.onZoom(props.zoomed > 0 ? tree.parent[props.zoomed] : 0);
    else if (event.key === '0') props.onZoom(0);
    else if (event.key === '+' || event.key === '=') at.zoomBy(0.7);
    else if (event.key === '-') at.zoomBy(1 / 0.7);
    else if (event.key === 'PageDown') at.scrollBy(-15);
    else if (event.key === 'PageUp') at.scrollBy(15);
    else if (event.key === 's' && functionOf(node) >= 0) actions.sandwich(functionOf(node));
    else if (event.key === 'c' && node >= 0) copyName(node);
    else if ((event.key === 'ContextMenu' || event.key === 'm') && node >= 0) openMenu(node, 40, 40);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  const menuItems = (node: number): MenuItem[] => {
    const func = functionOf(node);
    const stack = (): string =>
      pathTo(tree, node)
        .map((n) => entryLabel(analysis.profile, analysis.entries, tree.entry[n]))
        .join('\n');
    const folded = (): string =>
      toFolded(analysis.profile, analysis.entries, tree, node, foldedUnit(state.metric));
    const items: MenuItem[] = [{ label: 'Zoom to this', run: () => props.onZoom(node) }];
    if (func >= 0)
      items.push(
        { label: 'Callers and callees', run: () => actions.sandwich(func) },
        { label: 'Search for this function', run: () => actions.searchFor(func) },
        { label: 'Copy function name', run: () => copyName(node) },
        { label: 'Copy stack', run: () => actions.copy(stack(), 'the stack') },
      );
    return [
      ...items,
      { label: 'Copy this part as folded stacks', run: () => actions.copy(folded(), 'folded stacks') },
    ];
  };

  const spoken =
    selected >= 0 && selected < tree.parent.length
      ? inWords(factsOf(analysis, tree, selected, state.metric))
      : '';
  return (
    <div
      class="chart"
      ref={host}
      tabIndex={0}
      role="application"
      aria-roledescription="flame graph"
      aria-label={`${props.label}. ${KEYS}`}
      onKeyDown={keys}
    >
      <canvas ref={canvas} class="chart-boxes" />
      <canvas ref={overlay} class="chart-marks" />
      {hover && hover.node < tree.parent.length && (
        <Tooltip analysis={analysis} tree={tree} state={state} hover={hover} host={host.current!} />
      )}
      {menu && menu.node < tree.parent.length && (
        <Menu items={menuItems(menu.node)} x={menu.x} y={menu.y} close={() => setMenu(null)} />
      )}
      <div class="offscreen" aria-live="polite">
        {spoken}
      </div>
    </div>
  );
}

interface TipProps {
  readonly analysis: Analysis;
  readonly tree: Tree;
  readonly state: ViewState;
  readonly hover: { node: number; x: number; y: number };
  readonly host: HTMLElement;
}

function Tooltip({ analysis, tree, state, hover, host }: TipProps): JSX.Element {
  const facts = factsOf(analysis, tree, hover.node, state.metric);
  const right = hover.x > host.clientWidth / 2;
  const below = hover.y < host.clientHeight / 2;
  const style = {
    left: right ? 'auto' : `${hover.x + 14}px`,
    right: right ? `${host.clientWidth - hover.x + 14}px` : 'auto',
    top: below ? `${hover.y + 18}px` : 'auto',
    bottom: below ? 'auto' : `${host.clientHeight - hover.y + 14}px`,
  };
  return (
    <div class="tooltip" style={style}>
      <FactRows facts={facts} />
    </div>
  );
}
