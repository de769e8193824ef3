package cases

// Load reads the embedded cases, sorted by name. An error names file, line and cure; all
// errors of all files are reported together.
func Load() ([]Case, error) {
	panic("not yet")
}
