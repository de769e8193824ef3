package manifest

import (
	"encoding/json"
	"fmt"

	"sigs.k8s.io/yaml"
)

// rawYAML is text that is YAML already, with comments that no encoder would keep.
type rawYAML string

// tidy is an object as YAML, without what says nothing: nulls, empty objects, a status.
func tidy(object any) ([]byte, error) {
	if raw, ok := object.(rawYAML); ok {
		return []byte(raw), nil
	}
	text, err := json.Marshal(object)
	if err != nil {
		return nil, fmt.Errorf("encode manifest: %w", err)
	}
	var tree map[string]any
	if err := json.Unmarshal(text, &tree); err != nil {
		return nil, fmt.Errorf("encode manifest: %w", err)
	}
	delete(tree, "status")
	prune(tree)
	return yaml.Marshal(tree)
}

// prune removes nulls and empty objects. An emptyDir is empty on purpose.
func prune(tree map[string]any) {
	for key, value := range tree {
		switch v := value.(type) {
		case nil:
			delete(tree, key)
		case map[string]any:
			if prune(v); len(v) == 0 && key != "emptyDir" {
				delete(tree, key)
			}
		case []any:
			for _, one := range v {
				if object, ok := one.(map[string]any); ok {
					prune(object)
				}
			}
		}
	}
}
