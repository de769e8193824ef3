package profile

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/model"
)

// Profile is what is known of an engine.
type Profile struct {
	Name  string `json:"name"`  // as --engine has it
	Title string `json:"title"` // as people call it
	// Recognise are the agents by which a live cluster shows that it has the engine.
	Recognise []Trace `json:"recognise"`
	// APIGroups are those of the resources that it brings along, and that stay when it is taken away
	// without them.
	APIGroups []string `json:"apiGroups,omitempty"`
	// Unsupported is what it lacks, by its own documentation or code.
	Unsupported []Lack `json:"unsupported,omitempty"`
	// Undefined is what it does where the API leaves the choice.
	Undefined []Choice `json:"undefined,omitempty"`
	// Deadline is how long it says that it may take to do what it was told, where that is longer
	// than anybody would wait.
	Deadline *Deadline `json:"deadline,omitempty"`
	// Options are those by which it is run here and that are not its defaults.
	Options []Option `json:"options,omitempty"`
	// Variants are engines of their own: the same one with other options.
	Variants []Variant `json:"variants,omitempty"`
}

// Trace is the DaemonSet of an engine's agents, in any namespace.
type Trace struct {
	DaemonSet string `json:"daemonSet"`
	// Container is one that it must have, where other products have DaemonSets of that name.
	Container string `json:"container,omitempty"`
	// Title is what people call the engine in this form; "" for the profile's.
	Title string `json:"title,omitempty"`
}

// Lack is a feature of the suite, or a family, that the engine lacks.
type Lack struct {
	Feature string       `json:"feature,omitempty"` // "" where Family is set
	Family  model.Family `json:"family,omitempty"`  // "" where Feature is set
	Reason  string       `json:"reason"`            // one sentence
	Source  string       `json:"source"`            // who says so, or shows it
	// Then is what becomes of a policy that asks for it.
	Then engines.Disposition `json:"then"`
}

// Choice is what an engine does where the API leaves it open.
type Choice struct {
	About  string `json:"about"`
	Does   string `json:"does"`
	Source string `json:"source"`
}

// Option is a setting other than the engine's default.
type Option struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	Why   string `json:"why"`
}

// Deadline is a time by which an engine is judged, and why it is that long.
type Deadline struct {
	After  metav1.Duration `json:"after"`
	Why    string          `json:"why"`
	Source string          `json:"source"`
}

// Variant is what is other about an engine that has other options.
type Variant struct {
	Name    string   `json:"name"`
	Title   string   `json:"title"`
	Options []Option `json:"options"` // beside the others
	// Supports are features that it does not lack in this form.
	Supports []string `json:"supports,omitempty"`
	// Deadline stands in the place of the engine's own; none where it is left out.
	Deadline *Deadline `json:"deadline,omitempty"`
}

// Variant is the profile of a variant, that of the engine itself by its own name.
func (p Profile) Variant(name string) (Profile, bool) {
	if name == p.Name {
		return p, true
	}
	i := slices.IndexFunc(p.Variants, func(v Variant) bool { return v.Name == name })
	if i < 0 {
		return Profile{}, false
	}
	v := p.Variants[i]
	p.Name, p.Title, p.Deadline, p.Variants = v.Name, v.Title, v.Deadline, nil
	p.Options = slices.Concat(p.Options, v.Options)
	p.Unsupported = slices.DeleteFunc(slices.Clone(p.Unsupported), func(l Lack) bool { return slices.Contains(v.Supports, l.Feature) })
	return p, true
}

// Parse reads a profile. Fields that it does not know, and what is missing, are errors.
func Parse(text []byte) (Profile, error) {
	var p Profile
	if err := yaml.UnmarshalStrict(text, &p); err != nil {
		return p, fmt.Errorf("read profile: %w", err)
	}
	if err := p.check(); err != nil {
		return p, fmt.Errorf("read profile %s: %w", cmp.Or(p.Name, "(no name)"), err)
	}
	return p, nil
}

// Must is Parse of a profile that is part of the program.
func Must(text []byte) Profile {
	p, err := Parse(text)
	if err != nil {
		panic(err)
	}
	return p
}

// Lacks is what the engine lacks, as engines declare it. Not all of it is an excuse.
func (p Profile) Lacks() []engines.Unsupported {
	var out []engines.Unsupported
	for _, l := range p.Unsupported {
		out = append(out, engines.Unsupported{Feature: l.Feature, Family: l.Family, Reason: l.Reason + " (" + l.Source + ")", Then: l.Then})
	}
	return out
}

// Env are the options as an environment.
func (p Profile) Env() []string {
	var env []string
	for _, o := range p.Options {
		env = append(env, o.Name+"="+o.Value)
	}
	return env
}

// Args are the options as command line arguments.
func (p Profile) Args() []string {
	var args []string
	for _, o := range p.Options {
		args = append(args, "--"+o.Name+"="+o.Value)
	}
	return args
}

func (p Profile) check() error {
	errs := []error{given("name", p.Name), given("title", p.Title)}
	if len(p.Recognise) == 0 {
		errs = append(errs, errors.New("recognise: is missing: name the DaemonSet of its agents"))
	}
	for i, t := range p.Recognise {
		errs = append(errs, given(at("recognise", i, "daemonSet"), t.DaemonSet))
	}
	for i, l := range p.Unsupported {
		errs = append(errs, l.check(i))
	}
	for i, c := range p.Undefined {
		errs = append(errs, given(at("undefined", i, "about"), c.About), given(at("undefined", i, "does"), c.Does), given(at("undefined", i, "source"), c.Source))
	}
	errs = append(errs, checkOptions("options", p.Options), p.Deadline.check("deadline"))
	for i, v := range p.Variants {
		errs = append(errs, v.check(i, p))
	}
	for _, err := range errs {
		if err != nil {
			return err // one line: the first
		}
	}
	return nil
}

func checkOptions(list string, options []Option) error {
	for i, o := range options {
		if err := cmp.Or(given(at(list, i, "name"), o.Name), given(at(list, i, "why"), o.Why)); err != nil {
			return err
		}
	}
	return nil
}

func (d *Deadline) check(field string) error {
	switch {
	case d == nil:
		return nil
	case d.After.Duration <= 0:
		return fmt.Errorf("%s.after: is missing: give a time such as 45s", field)
	}
	return cmp.Or(given(field+".why", d.Why), given(field+".source", d.Source))
}

func (v Variant) check(i int, p Profile) error {
	for j, name := range v.Supports {
		if !slices.ContainsFunc(p.Unsupported, func(l Lack) bool { return l.Feature == name }) {
			return fmt.Errorf("variants[%d].supports[%d]: %s is nothing that the engine lacks", i, j, name)
		}
	}
	return cmp.Or(given(at("variants", i, "name"), v.Name), given(at("variants", i, "title"), v.Title),
		checkOptions(at("variants", i, "options"), v.Options), v.Deadline.check(at("variants", i, "deadline")))
}

func (l Lack) check(i int) error {
	switch {
	case (l.Feature == "") == (l.Family == ""):
		return fmt.Errorf("unsupported[%d]: give either feature or family", i)
	case l.Family != "" && !slices.Contains(model.Dual.List(), l.Family):
		return fmt.Errorf("unsupported[%d].family: %q is none of %v", i, l.Family, model.Dual.List())
	case !slices.Contains([]engines.Disposition{engines.Refused, engines.Closed, engines.Open}, l.Then):
		return fmt.Errorf("unsupported[%d].then: %q is none of %s, %s, %s", i, l.Then, engines.Refused, engines.Closed, engines.Open)
	}
	return cmp.Or(given(at("unsupported", i, "reason"), l.Reason), given(at("unsupported", i, "source"), l.Source))
}

func at(list string, i int, field string) string { return fmt.Sprintf("%s[%d].%s", list, i, field) }

// given is the error for a field that must not be empty.
func given(field, value string) error {
	if value == "" {
		return fmt.Errorf("%s: is missing", field)
	}
	return nil
}
