// gVisor's pkg/seccomp as a peer: see bench/filters/generate.h for the arguments and what is
// printed.
package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/seccomp"
)

// line is one conjunction of comparisons.
type line struct {
	number uintptr
	ret    uint64
	match  seccomp.SyscallRule
}

type flat struct {
	otherwise, unlisted uint64
	lines               []line
}

func action(ret uint64) (seccomp.Action, error) {
	data := uint16(ret)
	switch ret &^ 0xffff {
	case 0x7fff0000:
		return seccomp.Allow, nil
	case 0x00050000:
		return seccomp.ReturnError.Code(data), nil
	case 0x80000000:
		return seccomp.KillProcess, nil
	case 0:
		return seccomp.KillThread, nil
	case 0x00030000:
		return seccomp.Trap, nil
	}
	return "", fmt.Errorf("no action %#x", ret)
}

// matcher reads ARGUMENT:BITS:RELATION:MASK:VALUE.
func matcher(word string) (int, seccomp.ValueMatcher, error) {
	parts := strings.Split(word, ":")
	argument, _ := strconv.Atoi(parts[0])
	mask, _ := strconv.ParseUint(parts[3], 16, 64)
	value, _ := strconv.ParseUint(parts[4], 16, 64)
	if parts[1] == "32" {
		mask &= 0xffffffff
	}
	if mask != ^uint64(0) {
		if parts[2] != "eq" {
			return 0, nil, fmt.Errorf("gVisor has no %s under a mask", parts[2])
		}
		return argument, seccomp.MaskedEqual(uintptr(mask), uintptr(value)), nil
	}
	switch parts[2] {
	case "eq":
		return argument, seccomp.EqualTo(value), nil
	case "ne":
		return argument, seccomp.NotEqual(value), nil
	case "lt":
		return argument, seccomp.LessThan(value), nil
	case "le":
		return argument, seccomp.LessThanOrEqual(value), nil
	case "gt":
		return argument, seccomp.GreaterThan(value), nil
	case "ge":
		return argument, seccomp.GreaterThanOrEqual(value), nil
	}
	return 0, nil, fmt.Errorf("no relation %s", parts[2])
}

func match(words []string) (seccomp.SyscallRule, error) {
	if len(words) == 0 {
		return seccomp.MatchAll{}, nil
	}
	var all seccomp.And
	for _, word := range words {
		argument, value, err := matcher(word)
		if err != nil {
			return nil, err
		}
		var one seccomp.PerArg
		for i := range one {
			one[i] = seccomp.AnyValue{}
		}
		one[argument] = value
		all = append(all, one)
	}
	if len(all) == 1 {
		return all[0], nil
	}
	return all, nil
}

func readFlat(path string) (*flat, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	out := &flat{}
	arches := 0
	for _, row := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		words := strings.Split(row, " ")
		switch words[0] {
		case "otherwise":
			out.otherwise, _ = strconv.ParseUint(words[1], 16, 32)
		case "unlisted":
			out.unlisted, _ = strconv.ParseUint(words[1], 16, 32)
		case "arch":
			if arches++; arches > 1 {
				return nil, errors.New("gVisor makes filters for one ABI")
			}
		case "call":
			number, _ := strconv.Atoi(words[1])
			ret, _ := strconv.ParseUint(words[3], 16, 32)
			rule, err := match(words[4:])
			if err != nil {
				return nil, err
			}
			out.lines = append(out.lines, line{uintptr(number), ret, rule})
		}
	}
	return out, nil
}

// ruleSets has one set for each action, in the order in which the actions first appear.
func ruleSets(policy *flat) ([]seccomp.RuleSet, error) {
	var order []uint64
	byAction := map[uint64]seccomp.SyscallRules{}
	for _, one := range policy.lines {
		rules, known := byAction[one.ret]
		if !known {
			order = append(order, one.ret)
			rules = seccomp.NewSyscallRules()
			byAction[one.ret] = rules
		}
		rules.Add(one.number, one.match)
	}
	var sets []seccomp.RuleSet
	for _, ret := range order {
		act, err := action(ret)
		if err != nil {
			return nil, err
		}
		sets = append(sets, seccomp.RuleSet{Rules: byAction[ret], Action: act})
	}
	return sets, nil
}

// build makes the program; what it is made of is made anew, since Build changes it.
func build(policy *flat) ([]byte, int64, error) {
	sets, err := ruleSets(policy)
	if err != nil {
		return nil, 0, err
	}
	otherwise, err := action(policy.otherwise)
	if err != nil {
		return nil, 0, err
	}
	unlisted, err := action(policy.unlisted)
	if err != nil {
		return nil, 0, err
	}
	program := &seccomp.Program{
		RuleSets: sets,
		Options:  seccomp.ProgramOptions{DefaultAction: otherwise, BadArchAction: unlisted},
	}
	began := processorTime()
	instructions, _, err := program.Build()
	took := processorTime() - began
	var raw []byte
	for _, one := range instructions {
		raw = binary.LittleEndian.AppendUint16(raw, one.OpCode)
		raw = append(raw, one.JumpIfTrue, one.JumpIfFalse)
		raw = binary.LittleEndian.AppendUint32(raw, one.K)
	}
	return raw, took, err
}

// processorTime is that of this process, in nanoseconds.
func processorTime() int64 {
	var now unix.Timespec
	unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &now)
	return now.Nano()
}

// allocated is how many bytes were ever allocated.
func allocated() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.TotalAlloc
}

// generate returns what is printed after "NAME <TAB> ok".
func generate(corpus, out string, rounds int, name string) (string, error) {
	policy, err := readFlat(corpus + "/" + name + ".flat")
	if err != nil {
		return "", err
	}
	before := allocated()
	figures := ""
	for round := 0; round < rounds; round++ {
		raw, took, err := build(policy)
		if err != nil {
			return "", err
		}
		if round == 0 {
			figures = strconv.FormatUint(allocated()-before, 10)
			if err := os.WriteFile(out+"/"+name+".bpf", raw, 0o644); err != nil {
				return "", err
			}
		}
		figures += fmt.Sprintf("\t%d", took)
	}
	return figures, nil
}

func main() {
	rounds, _ := strconv.Atoi(os.Args[3])
	for _, name := range os.Args[4:] {
		figures, err := generate(os.Args[1], os.Args[2], rounds, name)
		if err != nil {
			fmt.Printf("%s\tcannot\t%s\n", name, strings.ReplaceAll(err.Error(), "\n", " "))
			continue
		}
		fmt.Printf("%s\tok\t%s\n", name, figures)
	}
}
