// Draws a decision graph: tests as boxes, the way down for true on the left and for false on the
// right, one return for each edge that ends. Each test hangs from the deepest test that leads to
// it, and subtrees are packed by their outlines (Reingold and Tilford), so that tree edges never
// cross; the other ways into a test go down lanes of their own, and may cross others at its head.
'use strict';

const graphSizes = {
  row: 84,
  height: 34,
  gap: 26,
  char: 7.3,
  padding: 14,
  margin: 18,
  most: 400
};

const boxWidth = (text) =>
    Math.max(64, Math.round(text.length * graphSizes.char) + 2 * graphSizes.padding);

/// Layers: as far from the start as the longest way. Nodes are keyed by pc, and jumps go forward.
function layersOf(graph) {
  const layer = new Map([[graph.start, 0]]);
  const parent = new Map();
  const order = [...graph.nodes.keys()].sort(
      (left, right) => (left === 'zero') - (right === 'zero') || left - right);
  for (const pc of order) {
    const node = graph.nodes.get(pc);
    if (!node.test) continue;
    for (const child of [node.yes, node.no]) {
      if (!graph.nodes.get(child).test) continue;
      const depth = layer.get(pc) + 1;
      if (depth <= (layer.get(child) ?? -1)) continue;
      layer.set(child, depth);
      parent.set(child, pc);
    }
  }
  return {layer, parent};
}

/// The tree to place: below each test a copy of the returns that it leads to, the tests that hang
/// from it, and an empty lane down to each test further below that hangs from another.
function treeOf(graph, describe, pc, levels) {
  const node = graph.nodes.get(pc);
  const item = {pc, depth: levels.layer.get(pc), text: describe(node), children: [], links: []};
  item.width = boxWidth(item.text);
  if (!node.test) return Object.assign(item, {ret: node.ret, isSide: true});
  for (const [label, target] of [['true', node.yes], ['false', node.no]]) {
    const isTest = Boolean(graph.nodes.get(target).test);
    const isOwn = isTest && levels.parent.get(target) === pc &&
        !item.children.some((child) => child.item.pc === target);
    if (isOwn)
      item.children.push({label, item: treeOf(graph, describe, target, levels)});
    else if (!isTest)
      item.children.push({
        label,
        item: Object.assign(treeOf(graph, describe, target, levels), {depth: item.depth + 1})
      });
    else {
      const lane = laneOf(item.depth + 1, levels.layer.get(target));
      if (lane) item.children.push({label, item: lane});
      item.links.push({label, target, lane});
    }
  }
  return item;
}

/// A lane from one layer to just above another; null if there is none between.
function laneOf(depth, end) {
  if (depth >= end) return null;
  const below = laneOf(depth + 1, end);
  return {
    isLane: true,
    isSide: true,
    depth,
    width: 12,
    children: below ? [{label: '', item: below}] : [],
    links: []
  };
}

/// Sets x of each item relative to its parent; returns the outline, [left, right] for each depth.
function place(item) {
  const own = [[-item.width / 2, item.width / 2]];
  if (item.children.length === 0) return own;
  const outlines = item.children.map((child) => place(child.item));
  if (item.children.length === 1) {
    const [{label, item: only}] = item.children;
    only.x = only.isSide && !item.isLane ?
        (label === 'true' ? -1 : 1) * (item.width + graphSizes.gap) / 2 :
        0;
    return [...own, ...outlines[0].map(([left, right]) => [left + only.x, right + only.x])];
  }
  const [left, right] = item.children.map((child) => child.item);
  let apart = 0;
  for (let depth = 0; depth < Math.min(outlines[0].length, outlines[1].length); ++depth)
    apart = Math.max(apart, outlines[0][depth][1] - outlines[1][depth][0] + graphSizes.gap);
  // A test goes on straight below the test before it where the other way ends or leads elsewhere.
  const share = Boolean(left.isSide) === Boolean(right.isSide) ? 0.5 : left.isSide ? 1 : 0;
  left.x = -apart * share;
  right.x = apart * (1 - share);
  const outline = [...own];
  for (let depth = 0; depth < Math.max(outlines[0].length, outlines[1].length); ++depth) {
    const parts =
        [[outlines[0][depth], left.x], [outlines[1][depth], right.x]].filter(([part]) => part);
    outline.push([
      Math.min(...parts.map(([part, x]) => part[0] + x)),
      Math.max(...parts.map(([part, x]) => part[1] + x))
    ]);
  }
  return outline;
}

/// All items with their place on the page, and the edges between them.
function layOut(graph, describe) {
  const root = treeOf(graph, describe, graph.start, layersOf(graph));
  const outline = place(root);
  const left = Math.min(...outline.map(([edge]) => edge)) - graphSizes.margin;
  const width = Math.max(...outline.map(([, edge]) => edge)) + graphSizes.margin - left;
  const items = [];
  const edges = [];
  const walk = (item, x) => {
    Object.assign(item, {x, y: graphSizes.margin + item.depth * graphSizes.row});
    if (!item.isLane) items.push(item);
    for (const {label, item: child} of item.children) {
      walk(child, x + child.x);
      if (!child.isLane) edges.push({from: item, to: child, label, lane: null});
    }
  };
  walk(root, -left);
  const tests = new Map(items.filter((item) => !item.ret).map((item) => [item.pc, item]));
  for (const item of items)
    for (const {label, target, lane} of item.links)
      edges.push({from: item, to: tests.get(target), label, lane});
  const height = 2 * graphSizes.margin + graphSizes.height +
      Math.max(...items.map((item) => item.depth)) * graphSizes.row;
  return {items, edges, width, height};
}

/// From the foot of a box, down its lane if it has one, to the head of the next.
function edgePath(edge) {
  let x = edge.from.x + (edge.label === 'true' ? -12 : 12);
  let y = edge.from.y + graphSizes.height;
  let path = `M${x} ${y}`;
  const bendTo = (toX, toY) => {
    const bend = Math.min(40, (toY - y) / 2);
    path += ` C${x} ${y + bend} ${toX} ${toY - bend} ${toX} ${toY}`;
    [x, y] = [toX, toY];
  };
  for (let lane = edge.lane; lane; lane = lane.children[0]?.item) {
    bendTo(lane.x, lane.y);
    y += graphSizes.height;
    path += ` V${y}`;
  }
  bendTo(edge.to.x, edge.to.y - 5);
  return path;
}

/// The picture. `describe(node)` is the text of a node, `tone(node)` its class. {element, startX,
/// show(path)}: show marks the way that a run took (null: none).
function drawGraph(graph, describe, tone, title) {
  const {items, edges, width, height} = layOut(graph, describe);
  const marker = makeSvg(
      'marker', {
        id: 'arrow',
        viewBox: '0 0 8 8',
        refX: 6,
        refY: 4,
        markerWidth: 9,
        markerHeight: 9,
        markerUnits: 'userSpaceOnUse',
        orient: 'auto-start-reverse'
      },
      makeSvg('path', {d: 'M0 0 8 4 0 8z', class: 'arrow'}));
  const drawn = [];
  for (const edge of edges)
    drawn.push({
      edge,
      element: makeSvg(
          'g', {class: `edge ${edge.label}`},
          makeSvg('path', {d: edgePath(edge), 'marker-end': 'url(#arrow)'}))
    });
  for (const edge of edges) {
    const side = edge.label === 'true' ? -1 : 1;
    const place = {
      x: edge.from.x + side * 19,
      y: edge.from.y + graphSizes.height + 15,
      'text-anchor': side < 0 ? 'end' : 'start'
    };
    drawn.push(
        {edge, element: makeSvg('g', {}, makeSvg('text', {...place, class: 'label'}, edge.label))});
  }
  for (const item of items) {
    const element = makeSvg(
        'g', {
          class: `node ${item.ret ? 'return' : 'test'} ${tone(item)}`,
          transform: `translate(${item.x - item.width / 2} ${item.y})`
        },
        makeSvg('title', {}, item.pc === 'zero' ? 'division by zero' : `instruction ${item.pc}`),
        makeSvg('rect', {
          width: item.width,
          height: graphSizes.height,
          rx: item.ret ? graphSizes.height / 2 : 4
        }),
        makeSvg(
            'text', {x: item.width / 2, y: graphSizes.height / 2 + 4, 'text-anchor': 'middle'},
            item.text));
    drawn.push({element, item});
  }
  const svg = makeSvg(
      'svg', {
        class: 'graph',
        viewBox: `0 0 ${width} ${height}`,
        width,
        height,
        role: 'img',
        'aria-label': title
      },
      makeSvg('defs', {}, marker), drawn.map(({element}) => element));
  return {element: svg, startX: items[0].x, show: (path) => markPath(svg, graph, drawn, path)};
}

/// The way out of each test that a run passed: pc -> "true" or "false". A run that ends at a test
/// divided by zero.
function waysTaken(graph, path) {
  const ways = new Map();
  path.forEach((pc, index) => {
    const node = graph.nodes.get(pc);
    if (node?.test) ways.set(pc, (path[index + 1] ?? null) === node.ifTrue ? 'true' : 'false');
  });
  return ways;
}

function markPath(svg, graph, drawn, path) {
  svg.classList.toggle('traced', path !== null);
  const taken = path === null ? new Map() : waysTaken(graph, path);
  const isTaken = (edge) => taken.get(edge.from.pc) === edge.label;
  const returns = new Set(drawn.filter(({edge}) => edge && isTaken(edge)).map(({edge}) => edge.to));
  const only = graph.nodes.size === 1;
  for (const {element, edge, item} of drawn)
    element.classList.toggle(
        'taken',
        path !== null &&
            (edge         ? isTaken(edge) :
                 item.ret ? only || returns.has(item) :
                            taken.has(item.pc)));
}
