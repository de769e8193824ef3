package misread

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// All are the wrong readings, in a fixed order. Names are unique.
func All() []*Reading {
	return slices.Concat(ofLabels(), ofPorts(), ofBlocks(), ofPeers(), ofLists(), ofIsolation())
}

func protocols() []corev1.Protocol {
	return []corev1.Protocol{corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP}
}
