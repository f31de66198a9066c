// Argument values as a person writes them, and the words that seccomp sees of them: what the
// command's own parser of calls does, for the calls whose arguments the page knows by name.
'use strict';

const somePointer = 0x1000n;
const lowBits = (value, bits) => BigInt.asUintN(bits, value);

/// The text of the element "names": what callgate's tables know of the calls that are shown.
class Names {
  constructor(known) {
    this.abis = known.abis ?? {};
    this.signatures = known.signatures ?? [];
    this.sets = (known.sets ?? []).map((set) => ({
                                         ...set,
                                         names: new Map(Object.entries(set.names).map(
                                             ([name, value]) => [name, BigInt(value)]))
                                       }));
  }
  abi(name) {
    return this.abis[name];
  }
  /// The parameters of a call, or null where the tables know none.
  parameters(abi, number) {
    const index = this.abis[abi]?.calls[number];
    return index === undefined ? null : this.signatures[index];
  }
  constants(parameter) {
    return parameter.set === undefined ? null : this.sets[parameter.set];
  }
  /// The value of a name: of the parameter's own set, else of any that is here.
  lookUp(name, parameter) {
    const own = parameter ? this.constants(parameter) : null;
    for (const set of own ? [own, ...this.sets] : this.sets)
      if (set.names.has(name)) return set.names.get(name);
    return undefined;
  }
  /// "O_RDWR|O_CLOEXEC", "~(SOCK_CLOEXEC|SOCK_NONBLOCK)", "AF_INET" or "0644" for what a test of 32
  /// bits compares with; null where no names say it.
  valueText(parameter, value) {
    const set = this.constants(parameter);
    if (!set || (value === 0 && set.flags)) return null;
    if (set.names.has('S_IRUSR') && value <= 0o777) return '0' + value.toString(8);
    for (const [name, constant] of set.names)
      if (lowBits(constant, 32) === BigInt(value)) return name;
    if (!set.flags) return null;
    const inverse = flagsText(set, u32(~value));
    return flagsText(set, value) ??
        (inverse === null          ? null :
             inverse.includes('|') ? `~(${inverse})` :
                                     `~${inverse}`);
  }
}

const countBits = (value) => value.toString(2).replaceAll('0', '').length;

/// Names or-ed to exactly that value, those of most bits first; null if there are none.
function flagsText(set, value) {
  set.terms ??= [...set.names]
                    .map(([name, constant]) => [name, Number(lowBits(constant, 32))])
                    .filter(([, bits]) => bits !== 0)
                    .sort((left, right) => countBits(right[1]) - countBits(left[1]));
  const used = [];
  let rest = value;
  for (const [name, bits] of set.terms) {
    if (u32(bits & rest) !== bits) continue;
    used.push(name);
    rest = u32(rest & ~bits);
  }
  return rest === 0 && used.length > 0 ? used.join('|') : null;
}

class ValueError extends Error {}

function parseInteger(text) {
  if (/^0[xX][0-9a-fA-F]+$/.test(text) || /^(0|[1-9][0-9]*)$/.test(text)) return BigInt(text);
  if (/^0[0-7]+$/.test(text)) return BigInt('0o' + text.slice(1));
  throw new ValueError(`"${text}" is no number`);
}

/// value := term ("|" term)*; term := ("-" | "~")? (NUMBER | NAME) | "text". An empty text is 0.
/// `isCut` says that the value is as wide as its parameter: written with - or ~, or negative.
function parseValue(text, names, parameter) {
  let value = 0n;
  let isCut = false;
  if (text.trim() === '') return {value, isCut};
  if (/^\s*".*"\s*$/.test(text)) return {value: somePointer, isCut};
  for (const part of text.split('|')) {
    const [, sign, word] = /^\s*([-~]?)\s*(\w+)\s*$/.exec(part) ?? [];
    if (word === undefined) throw new ValueError(`"${part.trim()}" is no value`);
    let term = word === 'NULL' || word === 'null' ? 0n :
        /^[0-9]/.test(word)                       ? parseInteger(word) :
                                                    names.lookUp(word, parameter);
    if (term === undefined) throw new ValueError(`no constant "${word}"`);
    isCut ||= sign !== '' || term < 0n || term > 0xffffffff80000000n;
    if (sign === '-') term = -term;
    if (sign === '~') term = ~term;
    value |= term;
  }
  if (BigInt.asUintN(64, value) !== value && BigInt.asIntN(64, value) !== value)
    throw new ValueError(`"${text}" has more than 64 bits`);
  return {value: BigInt.asUintN(64, value), isCut};
}

/// Puts a parameter's value where the ABI has it.
function placeValue(args, parameter, {value, isCut}, wordBits) {
  const kept = isCut ? lowBits(value, parameter.bits || wordBits) : value;
  if (parameter.placement === 'word')
    args[parameter.low] = lowBits(kept, wordBits);
  else if (parameter.placement === 'word_pair') {
    args[parameter.low] = lowBits(kept, 32);
    args[parameter.high] = kept >> 32n;
  } else
    throw new ValueError(`${parameter.name} is not in a register on this ABI`);
}

/// Splits "a, "b, c", d" at its commas outside of quotes.
function splitArguments(text) {
  const parts = text.match(/(?:"[^"]*"|[^,"])+/g) ?? [];
  return parts.map((part) => part.trim()).filter((part) => part !== '');
}

/// The fields of a call expression such as a witness: {values: [text], raw: {index: text}}, or null
/// where it is none of a call with these parameters.
function readCall(text, parameters) {
  const [, list] = /^\s*(?:\w+\s*:)?\s*\w+\s*(?:\(([\s\S]*)\))?\s*$/.exec(text) ?? [];
  const fields = {values: [], raw: {}};
  let position = 0;
  for (const part of splitArguments(list ?? '')) {
    const raw = /^args\s*\[\s*([0-5])\s*\]\s*=\s*(.*)$/.exec(part);
    const named = /^(\w+)\s*=\s*(.*)$/.exec(part);
    if (raw)
      fields.raw[raw[1]] = raw[2];
    else if (named) {
      const at = (parameters ?? []).findIndex((parameter) => parameter.name === named[1]);
      if (named[1] === 'ip')
        fields.raw.ip = named[2];
      else if (at < 0)
        return null;
      else
        fields.values[at] = named[2];
    } else if (parameters)
      fields.values[position++] = part;
    else
      fields.raw[position++] = part;
  }
  return fields;
}

/// How a test names a word of seccomp_data, for one call: a value as machine.js has them.
function wordName(index, byteOrder, names, parameters) {
  const half = (index % 2 === 0) === (byteOrder !== 'big') ? 'lo' : 'hi';
  if (index < 4) return {text: `ip.${half}`};
  const argument = (index - 4) >> 1;
  const plain = (parameter) => ({
    text: parameter.bits <= 32 ? parameter.name : `${parameter.name}.lo`,
    constant: (value) => names.valueText(parameter, value) ?? hex(value),
  });
  for (const parameter of parameters ?? []) {
    if (parameter.placement === 'word' && parameter.low === argument)
      return half === 'lo' ? plain(parameter) : {text: `${parameter.name}.hi`};
    if (parameter.placement !== 'word_pair' || half !== 'lo') continue;
    if (parameter.low === argument) return plain(parameter);
    if (parameter.high === argument) return {text: `${parameter.name}.hi`};
  }
  return {text: `args[${argument}].${half}`};
}
