package main

import (
	"github.com/netassay/netassay/enforcer/simnet"
	"github.com/netassay/netassay/model"
)

// paper walks packets through the rules that the reference enforcer would write in a state. It
// is given to netassay fuzz here, where nothing knows what is right.
func paper(s model.Snapshot) (func(model.Flow) (model.Verdict, error), error) {
	n, err := simnet.Build(s, nil)
	if err != nil {
		return nil, err
	}
	return func(f model.Flow) (model.Verdict, error) {
		verdict, _, err := n.Judge(f)
		return verdict, err
	}, nil
}
