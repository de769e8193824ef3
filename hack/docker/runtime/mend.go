package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
)

// refused is the capability that this machine does not have.
const refused = "CAP_SYS_RESOURCE"

// object is JSON that passes through: fields that this program doesn't know are kept.
type object = map[string]any

// mendFile mends a description in place.
func mendFile(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read description: %w", err)
	}
	mended, err := mend(text)
	if err != nil {
		return fmt.Errorf("mend %s: %w", file, err)
	}
	info, err := os.Stat(file)
	if err != nil {
		return fmt.Errorf("mend description: %w", err)
	}
	if err := os.WriteFile(file, mended, info.Mode().Perm()); err != nil {
		return fmt.Errorf("mend description: %w", err)
	}
	return nil
}

// mend takes out what the kernel refuses. text is either a bundle's configuration, whose
// process is one field, or a process.
func mend(text []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber() // limits are up to 2^64-1
	var top object
	if err := d.Decode(&top); err != nil {
		return nil, err
	}
	process := top
	if p, ok := top["process"].(object); ok {
		process = p
	}
	if sets, ok := process["capabilities"].(object); ok {
		for name, set := range sets {
			if list, ok := set.([]any); ok {
				sets[name] = slices.DeleteFunc(list, func(c any) bool { return c == refused })
			}
		}
	}
	if score, ok := process["oomScoreAdj"].(json.Number); ok && len(score) > 0 && score[0] == '-' {
		delete(process, "oomScoreAdj")
	}
	return json.Marshal(top)
}
