package environ

import "strings"

// Expand replaces each $(NAME) in s by the variable of that name. "If a variable cannot be
// resolved, the reference in the input string will be unchanged. Double $$ are reduced to
// a single $": the documentation of corev1.Container.Command. Values are not expanded
// again.
func Expand(s string, vars map[string]string) string {
	var b strings.Builder
	for {
		before, after, ok := strings.Cut(s, "$")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		value, rest := reference(after, vars)
		b.WriteString(value)
		s = rest
	}
}

// reference reads what follows a "$" and returns its replacement and what comes after.
func reference(s string, vars map[string]string) (value, rest string) {
	if rest, ok := strings.CutPrefix(s, "$"); ok {
		return "$", rest
	}
	if !strings.HasPrefix(s, "(") {
		return "$", s
	}
	name, rest, ok := strings.Cut(s[1:], ")")
	if !ok {
		return "$", s
	}
	if value, ok := vars[name]; ok {
		return value, rest
	}
	return "$(" + name + ")", rest
}

func expandAll(list []string, vars map[string]string) []string {
	out := make([]string, 0, len(list))
	for _, s := range list {
		out = append(out, Expand(s, vars))
	}
	return out
}

// Map is the variables of a list of KEY=VALUE; of two with one name the later counts.
func Map(vars []string) map[string]string {
	m := make(map[string]string, len(vars))
	for _, kv := range vars {
		name, value, _ := strings.Cut(kv, "=")
		m[name] = value
	}
	return m
}
