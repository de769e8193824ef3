package agents

import (
	"bytes"
	"strconv"
	"strings"
)

// Sum adds up the samples of a metric in Prometheus' text format whose labels include all
// of want, each spelled as the text spells it: operation="create". It is not ok when no
// sample does. Engines' own exporters are read with it, so it knows what they write: no
// label value that holds a brace, and no timestamps.
func Sum(text []byte, metric string, want ...string) (total float64, ok bool) {
	for line := range bytes.Lines(text) {
		name, labels, value, isSample := sample(string(line))
		if !isSample || name != metric || !hasAll(labels, want) {
			continue
		}
		total += value
		ok = true
	}
	return total, ok
}

// sample takes a line apart; comments and what is not understood are no samples.
func sample(line string) (name, labels string, value float64, ok bool) {
	line = strings.TrimSpace(line)
	if line == "" || line[0] == '#' {
		return "", "", 0, false
	}
	series, number, found := cutLast(line, " ")
	if !found {
		return "", "", 0, false
	}
	value, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return "", "", 0, false
	}
	name, labels, _ = strings.Cut(series, "{")
	return name, strings.TrimSuffix(labels, "}"), value, true
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// hasAll reports whether labels, as "a=\"1\",b=\"2\"", include each of want.
func hasAll(labels string, want []string) bool {
	for _, w := range want {
		if !strings.Contains(","+labels+",", ","+w+",") {
			return false
		}
	}
	return true
}
