package environ

import "regexp"

var reference = regexp.MustCompile(`\$\$|\$\([^)]*\)`)

// Expand replaces each $(NAME) in s by the variable of that name. "If a variable cannot be
// resolved, the reference in the input string will be unchanged. Double $$ are reduced to
// a single $": the documentation of corev1.Container.Command. Values are not expanded
// again.
func Expand(s string, vars map[string]string) string {
	return reference.ReplaceAllStringFunc(s, func(ref string) string {
		if ref == "$$" {
			return "$"
		}
		if value, ok := vars[ref[len("$("):len(ref)-len(")")]]; ok {
			return value
		}
		return ref
	})
}
