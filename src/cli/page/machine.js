// The filter's machine: classic BPF as seccomp runs it, and the same with unknown argument words,
// which leaves of a program what one call can reach. Jumps go forward only, so one pass over the
// instructions sees every state before it is needed. Two ways that reach one instruction with
// different values there leave the value unknown: the graph may then show a test that no call
// decides both ways, never miss one.
'use strict';

const op = {
  ldAbs: 0x20,
  ldLen: 0x80,
  ldImm: 0x00,
  ldMem: 0x60,
  ldxLen: 0x81,
  ldxImm: 0x01,
  ldxMem: 0x61,
  st: 0x02,
  stx: 0x03,
  tax: 0x07,
  txa: 0x87,
  neg: 0x84,
  ja: 0x05,
  retK: 0x06,
  retA: 0x16,
};
const dataLength = 64;
const u32 = (value) => value >>> 0;

const shiftMask = (filter) => (filter.shift_rule === 'low6' ? 63 : 31);

/// ALU operations by code without the source bit: what they make of A and an operand, how they are
/// written. Division by zero is the caller's.
const arithmetic = {
  0x04: ['+', (a, b) => u32(a + b)],
  0x14: ['-', (a, b) => u32(a - b)],
  0x24: ['*', (a, b) => u32(Math.imul(a, b))],
  0x34: ['/', (a, b) => Math.floor(a / b)],
  0x44: ['|', (a, b) => u32(a | b)],
  0x54: ['&', (a, b) => u32(a & b)],
  0x64: ['<<', (a, b, mask) => ((b & mask) > 31 ? 0 : u32(a << (b & mask)))],
  0x74: ['>>', (a, b, mask) => ((b & mask) > 31 ? 0 : a >>> (b & mask))],
  0xa4: ['^', (a, b) => u32(a ^ b)],
};
const tests = {
  0x15: ['==', (a, b) => a === b],
  0x25: ['>', (a, b) => a > b],
  0x35: ['>=', (a, b) => a >= b],
  0x45: ['&', (a, b) => (a & b) !== 0],
};
const usesX = (code) => (code & 0x08) !== 0;
const alu = (code) => arithmetic[code & ~0x08];
const test = (code) => tests[code & ~0x08];

/// The 32-bit words of seccomp_data in the target's memory order. data: {nr, arch, ip, args}, the
/// last two as BigInt.
function wordsOf(data, byteOrder) {
  const words = [u32(data.nr), u32(data.arch)];
  for (const value of [data.ip, ...data.args]) {
    const low = Number(value & 0xffffffffn);
    const high = Number((value >> 32n) & 0xffffffffn);
    words.push(...(byteOrder === 'big' ? [high, low] : [low, high]));
  }
  return words;
}

/// Runs a filter as `callgate emu` does: its return value and the index of every instruction run.
function runFilter(filter, data) {
  const words = wordsOf(data, filter.byte_order);
  const mask = shiftMask(filter);
  const memory = new Array(16).fill(0);
  const path = [];
  let a = 0;
  let x = 0;
  for (let pc = 0; pc < filter.instructions.length; ++pc) {
    const {code, jt, jf, k} = filter.instructions[pc];
    path.push(pc);
    if (code === op.retK) return {result: k, path};
    if (code === op.retA) return {result: a, path};
    if (test(code))
      pc += test(code)[1](a, usesX(code) ? x : k) ? jt : jf;
    else if (alu(code)) {
      const operand = usesX(code) ? x : k;
      if ((code & ~0x08) === 0x34 && operand === 0) return {result: 0, path};
      a = alu(code)[1](a, operand, mask);
    } else if (code === op.ldAbs)
      a = words[k / 4];
    else if (code === op.ldImm)
      a = k;
    else if (code === op.ldMem)
      a = memory[k];
    else if (code === op.ldLen)
      a = dataLength;
    else if (code === op.ldxImm)
      x = k;
    else if (code === op.ldxMem)
      x = memory[k];
    else if (code === op.ldxLen)
      x = dataLength;
    else if (code === op.st)
      memory[k] = a;
    else if (code === op.stx)
      memory[k] = x;
    else if (code === op.tax)
      x = a;
    else if (code === op.txa)
      a = x;
    else if (code === op.neg)
      a = u32(-a);
    else if (code === op.ja)
      pc += k;
  }
  throw new Error('the program has no end');
}

// ---- values that may be unknown: {known: number} or {text, constant?}; `constant(n)` is how the
// number n is written beside that value, "AF_UNIX".

const known = (value) => ({known: value});
const isKnown = (value) => value.known !== undefined;
const valueText = (value) => (isKnown(value) ? hex(value.known) : value.text);
const same = (left, right) =>
    left === right || (left.known === right.known && left.text === right.text);
const hex = (value) => (value < 10 ? String(value) : '0x' + value.toString(16));
const grouped = (value) =>
    (isKnown(value) || /^[\w.[\]]+$/.test(value.text) ? valueText(value) : `(${value.text})`);

/// How an operand is written beside a value: by the name that it has there, in parentheses if it is
/// more than one.
function besideText(value, operand) {
  const text =
      isKnown(operand) && value.constant ? value.constant(operand.known) : grouped(operand);
  return text.includes('|') && !text.startsWith('~') ? `(${text})` : text;
}

function combine(code, left, right, mask) {
  const [sign, compute] = alu(code);
  if (isKnown(left) && isKnown(right)) return known(compute(left.known, right.known, mask));
  const written = sign === '&' ? besideText(left, right) : grouped(right);
  return {
    text: `${grouped(left)} ${sign} ${written}`,
    constant: sign === '&' ? left.constant : undefined
  };
}

function mergeStates(left, right) {
  if (!left) return right;
  const merge = (one, other, name) => (same(one, other) ? one : {text: name});
  return {
    a: merge(left.a, right.a, 'A'),
    x: merge(left.x, right.x, 'X'),
    memory: left.memory.map((value, index) => merge(value, right.memory[index], `M[${index}]`)),
  };
}

/// What one instruction makes of a state, and where it goes on: {state, next: [pc] or [true, false]
/// with `test`, or `ret`}.
function stepSymbolic(filter, pc, state, loadWord) {
  const {code, jt, jf, k} = filter.instructions[pc];
  const after = {a: state.a, x: state.x, memory: state.memory};
  const on = (next) => ({state: after, next});
  const operand = usesX(code) ? state.x : known(k);
  if (code === op.retK) return {state, ret: known(k), next: []};
  if (code === op.retA) return {state, ret: state.a, next: []};
  if (test(code)) {
    const targets = [pc + 1 + jt, pc + 1 + jf];
    if (isKnown(state.a) && isKnown(operand))
      return on([targets[test(code)[1](state.a.known, operand.known) ? 0 : 1]]);
    if (jt === jf) return on([targets[0]]);
    return {
      state: after,
      next: targets,
      test: {sign: test(code)[0], left: state.a, right: operand}
    };
  }
  if (alu(code)) {
    const divides = (code & ~0x08) === 0x34;
    if (divides && isKnown(operand) && operand.known === 0) return {state, ret: known(0), next: []};
    after.a = combine(code, state.a, operand, shiftMask(filter));
    if (divides && !isKnown(operand))
      return {
        state: after,
        next: [null, pc + 1],
        test: {sign: '==', left: operand, right: known(0)}
      };
    return on([pc + 1]);
  }
  const store = (value) =>
      (after.memory = state.memory.map((old, index) => (index === k ? value : old)));
  if (code === op.ldAbs)
    after.a = loadWord(k / 4);
  else if (code === op.ldImm)
    after.a = known(k);
  else if (code === op.ldMem)
    after.a = state.memory[k];
  else if (code === op.ldLen)
    after.a = known(dataLength);
  else if (code === op.ldxImm)
    after.x = known(k);
  else if (code === op.ldxMem)
    after.x = state.memory[k];
  else if (code === op.ldxLen)
    after.x = known(dataLength);
  else if (code === op.st)
    store(state.a);
  else if (code === op.stx)
    store(state.x);
  else if (code === op.tax)
    after.x = state.a;
  else if (code === op.txa)
    after.a = state.x;
  else if (code === op.neg)
    after.a = isKnown(state.a) ? known(u32(-state.a.known)) : {text: `-${grouped(state.a)}`};
  return on([code === op.ja ? pc + 1 + k : pc + 1]);
}

/// What a call can reach: for each reachable instruction where it goes on, and what it tests or
/// returns. `loadWord(i)` is the value of word i of seccomp_data.
function reachable(filter, loadWord) {
  const states = new Map([[0, {a: known(0), x: known(0), memory: new Array(16).fill(known(0))}]]);
  const steps = new Map();
  for (let pc = 0; pc < filter.instructions.length; ++pc) {
    if (!states.has(pc)) continue;
    const step = stepSymbolic(filter, pc, states.get(pc), loadWord);
    steps.set(pc, step);
    for (const next of step.next)
      if (next !== null) states.set(next, mergeStates(states.get(next), step.state));
  }
  return steps;
}

/// The decision graph of one call: tests and returns, with straight ways between them left out.
/// {start, nodes: Map(pc -> {pc, test, yes, no, ifTrue} or {pc, ret})}; `start` is a pc, `ifTrue`
/// the instruction that runs next where the test holds. A division by an unknown X goes to the node
/// "zero" where X is 0.
function decisionGraph(filter, loadWord) {
  const steps = reachable(filter, loadWord);
  const settle = (pc) => {
    while (pc !== null && steps.get(pc).next.length === 1) pc = steps.get(pc).next[0];
    return pc ?? 'zero';
  };
  const nodes = new Map();
  const visit = (pc) => {
    if (nodes.has(pc)) return;
    if (pc === 'zero') return void nodes.set(pc, {pc, ret: known(0)});
    const step = steps.get(pc);
    if (step.ret) return void nodes.set(pc, {pc, ret: step.ret});
    const node = {
      pc,
      test: step.test,
      yes: settle(step.next[0]),
      no: settle(step.next[1]),
      ifTrue: step.next[0]
    };
    nodes.set(pc, node);
    visit(node.yes);
    visit(node.no);
  };
  const start = settle(0);
  visit(start);
  return {start, nodes};
}
