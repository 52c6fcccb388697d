// Package interop is what the Go clients' checks share: the scenarios' names, counting with deadlines, and a proxy that breaks
// connections. It knows no client.
package interop

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

const (
	checkDeadline = 30 * time.Second
	suiteDeadline = 170 * time.Second
)

// Suite is a client's checks, in the order in which they were added.
type Suite struct {
	client string
	module string
	checks []check
	not    map[string]string
	// Scenarios that it has to have.
	scenarios []string
}

type check struct {
	name string
	run  func(*C)
}

// New suite of a client, which comes in a module: of all Scenarios.
func New(client, module string) *Suite {
	suite := Own(client, module)
	suite.scenarios = Scenarios()
	return suite
}

// Own checks of a client, and no others.
func Own(client, module string) *Suite {
	return &Suite{client: client, module: module, not: map[string]string{}}
}

// Add a check: one of Scenarios, or one of the client's own.
func (s *Suite) Add(name string, run func(*C)) { s.checks = append(s.checks, check{name, run}) }

// Each pair of a map, by its name: a client's checks come in the same order in every run.
func Each[V any](values map[string]V) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, name := range slices.Sorted(maps.Keys(values)) {
			if !yield(name, values[name]) {
				return
			}
		}
	}
}

// Not says why the client cannot have a scenario.
func (s *Suite) Not(name, why string) { s.not[name] = why }

// Main runs the checks whose names hold the second argument, against the broker that the first one names, and exits.
func (s *Suite) Main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: checks HOST:PORT [NAME]")
		os.Exit(2)
	}
	fmt.Printf("client: %s %s\n", s.client, version(s.module))
	only := strings.Join(os.Args[2:], " ")
	deadline := time.Now().Add(suiteDeadline)
	run := fmt.Sprintf("%s-%x", s.client, time.Now().UnixNano())
	passed, failed := 0, 0
	for number, check := range s.complete() {
		if !strings.Contains(check.name, only) {
			continue
		}
		c := &C{Bootstrap: os.Args[1], prefix: fmt.Sprintf("%s-%d", run, number)}
		if err := c.run(check, deadline); err != nil {
			failed++
			fmt.Printf("FAIL %s\n     | %s\n", check.name, strings.ReplaceAll(err.Error(), "\n", "\n     | "))
		} else {
			passed++
			fmt.Printf("ok   %s\n", check.name)
		}
	}
	for _, name := range s.scenarios {
		if why, not := s.not[name]; not && strings.Contains(name, only) {
			fmt.Printf("none %s: %s\n", name, why)
		}
	}
	fmt.Printf("%d passed, %d failed\n", passed, failed)
	if failed > 0 || passed == 0 {
		os.Exit(1)
	}
}

// The version of a module that this program was built with.
func version(module string) string {
	if build, ok := debug.ReadBuildInfo(); ok {
		for _, dependency := range build.Deps {
			if dependency.Path == module {
				return dependency.Version
			}
		}
	}
	return "unknown"
}

// The checks, and a failing one for each scenario that the client forgot.
func (s *Suite) complete() []check {
	has := map[string]bool{}
	for _, check := range s.checks {
		has[check.name] = true
	}
	checks := s.checks
	for _, name := range s.scenarios {
		if _, not := s.not[name]; !has[name] && !not {
			checks = append(checks, check{name, func(c *C) { c.Fail("the client has no such check") }})
		}
	}
	return checks
}

// C is a check that runs. Its context ends with the check's deadline.
type C struct {
	context.Context
	Bootstrap string
	prefix    string
	names     int
	ends      []func()
}

type failure struct{ message string }

func (c *C) run(check check, suite time.Time) error {
	deadline := time.Now().Add(checkDeadline)
	if suite.Before(deadline) {
		deadline = suite
	}
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	c.Context = ctx
	done := make(chan error, 1)
	go func() {
		err := c.guard(func() { check.run(c) })
		for i := len(c.ends) - 1; i >= 0; i-- {
			err = errors.Join(err, c.guard(c.ends[i]))
		}
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-time.After(time.Until(deadline) + 10*time.Second):
		stacks := make([]byte, 1<<20)
		return fmt.Errorf("no end by its deadline\n%s", ours(string(stacks[:runtime.Stack(stacks, true)])))
	}
}

// The lines of stacks that are in a client's main package.
func ours(stacks string) string {
	var lines []string
	for line := range strings.SplitSeq(stacks, "\n") {
		if strings.HasPrefix(line, "main.") && len(lines) < 20 {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

func (c *C) guard(run func()) (err error) {
	defer func() {
		switch trouble := recover().(type) {
		case nil:
		case failure:
			err = errors.New(trouble.message)
		default:
			err = fmt.Errorf("panic: %v", trouble)
		}
	}()
	run()
	return nil
}

// Name that no other check uses.
func (c *C) Name() string {
	c.names++
	return fmt.Sprintf("%s-%d", c.prefix, c.names)
}

// AtEnd of the check, the last one first.
func (c *C) AtEnd(run func()) { c.ends = append(c.ends, run) }

// Fail the check. Only in the check's own goroutine, as for all that follows.
func (c *C) Fail(format string, arguments ...any) {
	panic(failure{where() + fmt.Sprintf(format, arguments...)})
}

// Ok fails on an error.
func (c *C) Ok(err error) {
	if err != nil {
		c.Fail("%v", err)
	}
}

// Equal fails when two values differ.
func (c *C) Equal(got, want any, what string) {
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		c.Fail("%s: %.200s instead of %.200s", what, g, w)
	}
}

// Is fails when an error is not the one that must come.
func (c *C) Is(err, want error) {
	if !errors.Is(err, want) {
		c.Fail("%v instead of %v", err, want)
	}
}

// Until something is so, or the deadline.
func (c *C) Until(what string, so func() bool) {
	for !so() {
		select {
		case <-c.Done():
			c.Fail("not by the deadline: %s", what)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// The innermost line of the client's own source.
func where() string {
	for skip := 2; ; skip++ {
		pc, file, line, found := runtime.Caller(skip)
		if !found {
			return ""
		}
		if strings.HasPrefix(runtime.FuncForPC(pc).Name(), "main.") {
			return fmt.Sprintf("%s:%d: ", filepath.Base(file), line)
		}
	}
}
