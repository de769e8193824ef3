package compare

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"golang.org/x/perf/benchfmt"
)

// prefix begins the name of each benchmark: Scale/engine=reference/policy-create/p50.
const prefix = "Scale/engine="

// benchSeconds is the unit that benchstat knows times by.
const benchSeconds = "sec/op"

// WriteBench writes a side in the format of Go's benchmarks, one line per value, for
// benchstat. Conditions are its configuration.
func WriteBench(w io.Writer, s Side) error {
	bench := benchfmt.NewWriter(w)
	var config []benchfmt.Config
	for _, key := range slices.Sorted(maps.Keys(s.Conditions)) {
		config = append(config, benchfmt.Config{Key: key, Value: []byte(s.Conditions[key]), File: true})
	}
	for i := range s.Metrics {
		m := &s.Metrics[i]
		for _, v := range m.Values {
			unit := m.Unit
			if unit == Millis {
				v, unit = math.Round(v*1e6)/1e9, benchSeconds // to the nanosecond
			}
			err := bench.Write(&benchfmt.Result{
				Config: config, Name: benchfmt.Name(prefix + m.Engine + "/" + m.Name), Iters: 1,
				Values: []benchfmt.Value{{Value: v, Unit: unit}},
			})
			if err != nil {
				return fmt.Errorf("write benchmarks: %w", err)
			}
		}
	}
	return nil
}

// ReadBench reads what WriteBench wrote. The order in which repeats were taken is not in
// it. Lines of other benchmarks are refused: what is left out silently is compared wrongly.
func ReadBench(r io.Reader, name string) (Side, error) {
	s := Side{Conditions: map[string]string{}}
	reader := benchfmt.NewReader(r, name)
	at := map[string]int{}
	for reader.Scan() {
		switch rec := reader.Result().(type) {
		case *benchfmt.Result:
			if err := s.add(rec, at); err != nil {
				file, line := rec.Pos()
				return Side{}, fmt.Errorf("%s:%d: %w", file, line, err)
			}
		case *benchfmt.SyntaxError:
			return Side{}, rec
		}
	}
	if err := reader.Err(); err != nil {
		return Side{}, fmt.Errorf("read benchmarks: %w", err)
	}
	if len(s.Metrics) == 0 {
		return Side{}, fmt.Errorf("%s has no benchmark: give a bench.txt of a scale run, or its directory", name)
	}
	return s, nil
}

func (s *Side) add(rec *benchfmt.Result, at map[string]int) error {
	rest, ok := strings.CutPrefix(string(rec.Name.Full()), prefix)
	engine, name, both := strings.Cut(rest, "/")
	if !ok || !both || engine == "" || name == "" {
		return fmt.Errorf("benchmark %q is none of a scale run, whose names are %s<engine>/<metric>", rec.Name, prefix)
	}
	for _, c := range rec.Config {
		if had, ok := s.Conditions[c.Key]; ok && had != string(c.Value) {
			return fmt.Errorf("%s is %q here and %q above: a file holds one run", c.Key, c.Value, had)
		}
		s.Conditions[c.Key] = string(c.Value)
	}
	if len(rec.Values) != 1 {
		return errors.New("a line has one value and its unit")
	}
	v, unit := rec.Values[0].Value, rec.Values[0].Unit
	if unit == benchSeconds {
		v, unit = v*1000, Millis
	}
	if v != v {
		return errors.New("a value is no number")
	}
	m := Metric{Engine: engine, Name: name, Unit: unit}
	i, ok := at[m.key()]
	if !ok {
		i = len(s.Metrics)
		at[m.key()] = i
		s.Metrics = append(s.Metrics, m)
	}
	if s.Metrics[i].Unit != unit {
		return fmt.Errorf("unit %s here and %s above", unit, s.Metrics[i].Unit)
	}
	s.Metrics[i].Values = append(s.Metrics[i].Values, v)
	return nil
}
