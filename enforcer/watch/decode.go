package watch

import (
	"net/netip"

	"google.golang.org/protobuf/encoding/protowire"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/netassay/netassay/model"
)

// The field numbers of the messages that a pod is made of, from k8s.io/api/core/v1 and
// k8s.io/apimachinery/pkg/apis/meta/v1 (generated.proto). Protobuf never reuses numbers.
const (
	podMetadata, podSpec, podStatus = 1, 2, 3

	metaName, metaNamespace, metaUID, metaVersion, metaLabels, metaAnnotations = 1, 3, 5, 6, 11, 12

	specContainers, specNodeName, specHostNetwork, specInitContainers = 2, 10, 11, 20

	containerPorts, containerRestartPolicy = 6, 24
	statusPhase, statusPodIPs              = 1, 12
	mapKey, mapValue                       = 1, 2
	listMetadata, listItems                = 1, 2
)

// eachField calls f with each field of a message. Of varints, value is nil and n the value;
// fields of other wire types than the two are skipped, as no field here has one.
func eachField(message []byte, f func(number protowire.Number, value []byte, n uint64) error) error {
	for len(message) > 0 {
		number, kind, size := protowire.ConsumeTag(message)
		if size < 0 {
			return protowire.ParseError(size)
		}
		message = message[size:]
		var value []byte
		var n uint64
		switch kind {
		case protowire.BytesType:
			value, size = protowire.ConsumeBytes(message)
			if value == nil {
				value = []byte{}
			}
		case protowire.VarintType:
			n, size = protowire.ConsumeVarint(message)
		default:
			size = protowire.ConsumeFieldValue(number, kind, message)
		}
		if size < 0 {
			return protowire.ParseError(size)
		}
		message = message[size:]
		if kind != protowire.BytesType && kind != protowire.VarintType {
			continue
		}
		if err := f(number, value, n); err != nil {
			return err
		}
	}
	return nil
}

// Unmarshal decodes the parts of a v1 Pod that count. It gives what model.PodFromAPI would
// of the whole object; a test holds the two together.
func (p *pod) Unmarshal(message []byte) error {
	return eachField(message, func(number protowire.Number, value []byte, _ uint64) error {
		switch number {
		case podMetadata:
			return p.metadata(value)
		case podSpec:
			return p.spec(value)
		case podStatus:
			return p.status(value)
		}
		return nil
	})
}

func (p *pod) metadata(message []byte) error {
	return eachField(message, func(number protowire.Number, value []byte, _ uint64) error {
		switch number {
		case metaName:
			p.record.Name = string(value)
		case metaNamespace:
			p.record.Namespace = string(value)
		case metaUID:
			p.record.UID = string(value)
		case metaVersion:
			p.version = string(value)
		case metaLabels:
			k, v, err := mapEntry(value)
			if err != nil {
				return err
			}
			if p.record.Labels == nil {
				p.record.Labels = map[string]string{}
			}
			p.record.Labels[string(k)] = string(v)
		case metaAnnotations:
			k, v, err := mapEntry(value)
			p.initialEnd = p.initialEnd || string(k) == metav1.InitialEventsAnnotationKey && string(v) == "true"
			return err
		}
		return nil
	})
}

func mapEntry(message []byte) (key, value []byte, err error) {
	err = eachField(message, func(number protowire.Number, v []byte, _ uint64) error {
		switch number {
		case mapKey:
			key = v
		case mapValue:
			value = v
		}
		return nil
	})
	return key, value, err
}

// spec keeps ports of restartable init containers ahead of those of containers, as
// model.PodFromAPI does, though the wire has them the other way round.
func (p *pod) spec(message []byte) error {
	var sidecars, own []corev1.ContainerPort
	err := eachField(message, func(number protowire.Number, value []byte, n uint64) error {
		switch number {
		case specNodeName:
			p.record.Node = string(value)
		case specHostNetwork:
			p.record.HostNetwork = n != 0
		case specContainers:
			ports, _, err := container(value)
			own = append(own, ports...)
			return err
		case specInitContainers:
			ports, restarts, err := container(value)
			if restarts {
				sidecars = append(sidecars, ports...)
			}
			return err
		}
		return nil
	})
	p.record.Ports = model.PortsFromAPI(append(sidecars, own...))
	return err
}

func container(message []byte) (ports []corev1.ContainerPort, restarts bool, err error) {
	err = eachField(message, func(number protowire.Number, value []byte, _ uint64) error {
		switch number {
		case containerRestartPolicy:
			restarts = string(value) == string(corev1.ContainerRestartPolicyAlways)
		case containerPorts:
			ports = append(ports, corev1.ContainerPort{})
			return ports[len(ports)-1].Unmarshal(value)
		}
		return nil
	})
	return ports, restarts, err
}

func (p *pod) status(message []byte) error {
	return eachField(message, func(number protowire.Number, value []byte, _ uint64) error {
		switch number {
		case statusPhase:
			phase := corev1.PodPhase(value)
			p.terminal = phase == corev1.PodSucceeded || phase == corev1.PodFailed
		case statusPodIPs:
			return p.address(value)
		}
		return nil
	})
}

func (p *pod) address(message []byte) error {
	var of corev1.PodIP
	if err := of.Unmarshal(message); err != nil {
		return err
	}
	if ip, err := netip.ParseAddr(of.IP); err == nil {
		p.record.IPs = append(p.record.IPs, ip.Unmap())
	}
	return nil
}

// Unmarshal decodes a v1 PodList, for API servers that can't stream one.
func (l *podList) Unmarshal(message []byte) error {
	return eachField(message, func(number protowire.Number, value []byte, _ uint64) error {
		switch number {
		case listMetadata:
			return l.ListMeta.Unmarshal(value)
		case listItems:
			l.Items = append(l.Items, pod{})
			return l.Items[len(l.Items)-1].Unmarshal(value)
		}
		return nil
	})
}
