package cases

import (
	"reflect"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestEveryFieldIsAnAction: no action that a case file may name is forgotten by its reader.
func TestEveryFieldIsAnAction(t *testing.T) {
	fields := reflect.TypeFor[headerAction]()
	for i := range fields.NumField() {
		given := reflect.New(fields.Field(i).Type.Elem())
		if given.Elem().Kind() == reflect.String {
			given.Elem().SetString("x/name")
		}
		var h headerAction
		reflect.ValueOf(&h).Elem().Field(i).Set(given)
		p := &parser{header: &document{}, used: map[string]bool{}}
		p.fakes[0] = NewFakeCluster()
		a, _ := p.action(&yaml.Node{Kind: yaml.MappingNode, Content: make([]*yaml.Node, 2)}, h)
		if a == nil {
			t.Errorf("%s gives no action", fields.Field(i).Name)
		}
	}
}
