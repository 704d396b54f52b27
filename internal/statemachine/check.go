package statemachine

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
)

// Description is a machine as data, for people and programs.
type Description struct {
	Kind        string                  `json:"kind"`
	Initial     []State                 `json:"initial"`
	Ends        []State                 `json:"ends"`
	States      []State                 `json:"states"`
	Transitions []TransitionRule        `json:"transitions"`
	Guards      []GuardRule             `json:"guards"`
	Delays      map[string]DelayDefault `json:"delays"`
}

// TransitionRule is a rule without its effects.
type TransitionRule struct {
	From  []State `json:"from"`
	Event Event   `json:"event"`
	To    State   `json:"to"`
	After string  `json:"after,omitempty"`
}

// GuardRule is a guard as data.
type GuardRule struct {
	Operation string  `json:"operation"`
	In        []State `json:"in"`
	Kind      string  `json:"kind"`
	Message   string  `json:"message"`
}

// Describe returns the machine as data.
func (m *Machine[B]) Describe() Description {
	d := Description{Kind: m.Kind, Initial: m.Initial, Ends: append([]State{}, m.Ends...), Guards: []GuardRule{},
		States: m.states(), Delays: map[string]DelayDefault{}}
	for i := range m.Rules {
		r := &m.Rules[i]
		t := TransitionRule{From: r.From, Event: r.On, To: r.To}
		if r.After != "" {
			t.After = m.Kind + "." + r.After
		}
		d.Transitions = append(d.Transitions, t)
	}
	for _, g := range m.Guards {
		d.Guards = append(d.Guards, GuardRule{Operation: g.Operation, In: g.In, Kind: g.Kind.String(), Message: g.Message})
	}
	for name, def := range m.Delays {
		d.Delays[m.Kind+"."+name] = def
	}
	return d
}

// states lists all states but Gone, initial ones first, then in the order of the rules.
func (m *Machine[B]) states() []State {
	var list []State
	add := func(states ...State) {
		for _, s := range states {
			if s != Gone && !slices.Contains(list, s) {
				list = append(list, s)
			}
		}
	}
	add(m.Initial...)
	for i := range m.Rules {
		add(m.Rules[i].From...)
		add(m.Rules[i].To)
	}
	return list
}

// Check returns the errors in the machine's definition, or nil: states that cannot be reached, dead ends that are not
// declared, two rules for one event in one state, delays that are missing, unused or invalid, and guards with unknown
// states or kinds.
func (m *Machine[B]) Check() []string {
	var wrong []string
	say := func(format string, args ...any) {
		wrong = append(wrong, m.Kind+": "+fmt.Sprintf(format, args...))
	}
	if m.Key == nil || m.Kind == "" || len(m.Initial) == 0 {
		say("needs a kind, a key and an initial state")
	}
	states := m.states()
	m.checkRules(say)
	reached := m.reached()
	for _, s := range states {
		if !reached[s] {
			say("state %s is never reached", s)
		}
		dead := len(m.events(s)) == 0
		if dead && !slices.Contains(m.Ends, s) {
			say("state %s is a dead end that is not declared", s)
		}
		if !dead && slices.Contains(m.Ends, s) {
			say("state %s is declared an end but has rules", s)
		}
	}
	for _, g := range m.Guards {
		for _, s := range g.In {
			if !slices.Contains(states, s) {
				say("guard of %s names the unknown state %s", g.Operation, s)
			}
		}
		if g.Kind <= 0 || strings.HasPrefix(g.Kind.String(), "Kind(") {
			say("guard of %s has no kind", g.Operation)
		}
	}
	sort.Strings(wrong)
	return wrong
}

func (m *Machine[B]) checkRules(say func(string, ...any)) {
	used := map[string]bool{}
	seen := map[string]bool{}
	for i := range m.Rules {
		r := &m.Rules[i]
		for _, from := range r.From {
			edge := fmt.Sprintf("%s in %s", r.On, from)
			if seen[edge] {
				say("two rules for %s", edge)
			}
			seen[edge] = true
		}
		if r.After == "" {
			continue
		}
		used[r.After] = true
		def, ok := m.Delays[r.After]
		if !ok {
			say("delay %s is not declared", r.After)
		}
		for _, text := range []string{def.Fast, def.Realistic} {
			if _, err := ParseDelay([]byte(text)); ok && err != nil {
				say("%v", err)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.Delays)) {
		if !used[name] {
			say("delay %s is never used", name)
		}
	}
}

// reached returns the states that can be reached from the initial ones.
func (m *Machine[B]) reached() map[State]bool {
	reached := map[State]bool{}
	for _, s := range m.Initial {
		reached[s] = true
	}
	for range len(m.Rules) + 1 {
		for i := range m.Rules {
			for _, from := range m.Rules[i].From {
				if reached[from] {
					reached[m.Rules[i].To] = true
				}
			}
		}
	}
	return reached
}

// Mermaid returns the machine as a state diagram in the Mermaid language.
func (d Description) Mermaid() string {
	var b strings.Builder
	b.WriteString("stateDiagram-v2\n")
	for _, s := range d.Initial {
		fmt.Fprintf(&b, "    [*] --> %s\n", s)
	}
	for _, t := range d.Transitions {
		label := string(t.Event)
		if t.After != "" {
			label += " after " + t.After
		}
		for _, from := range t.From {
			to := string(t.To)
			if t.To == Gone {
				to = "[*]"
			}
			fmt.Fprintf(&b, "    %s --> %s: %s\n", from, to, label)
		}
	}
	return b.String()
}

// Grid returns one line for each state, with every event and the state that it leads to. A test that compares the grid
// shows each change of a lifecycle.
func (d Description) Grid() string {
	var events []string
	to := map[string]string{}
	for _, t := range d.Transitions {
		if !slices.Contains(events, string(t.Event)) {
			events = append(events, string(t.Event))
		}
		for _, from := range t.From {
			to[string(from)+" "+string(t.Event)] = shown(t.To)
		}
	}
	var b strings.Builder
	for _, s := range d.States {
		fmt.Fprintf(&b, "%s:", s)
		for _, ev := range events {
			target := to[string(s)+" "+ev]
			if target == "" {
				target = "-"
			}
			fmt.Fprintf(&b, " %s=%s", ev, target)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// Machines describes the engine's machines, in the order of their kinds.
func (e *Engine) Machines() []Description {
	var list []Description
	for _, kind := range e.Kinds() {
		list = append(list, e.kinds[kind].Describe())
	}
	return list
}
