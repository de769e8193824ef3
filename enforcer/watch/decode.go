package watch

import (
	"net/netip"
	"slices"

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
	portName, portNumber, portProtocol     = 1, 3, 4
	statusPhase, statusPodIPs              = 1, 12
	podIPAddress                           = 1
	mapKey, mapValue                       = 1, 2
	listMetadata, listItems                = 1, 2
	listMetaVersion, listMetaContinue      = 2, 3
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

// unmarshal decodes the parts of a pod that count. It gives what model.PodFromAPI would
// of the whole object; a test holds the two together.
func (p *pod) unmarshal(message []byte) error {
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
	var sidecars []model.Port
	err := eachField(message, func(number protowire.Number, value []byte, n uint64) error {
		switch number {
		case specNodeName:
			p.record.Node = string(value)
		case specHostNetwork:
			p.record.HostNetwork = n != 0
		case specContainers:
			ports, _, err := container(value)
			p.record.Ports = append(p.record.Ports, ports...)
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
	if len(sidecars) > 0 {
		p.record.Ports = slices.Concat(sidecars, p.record.Ports)
	}
	return err
}

func container(message []byte) (ports []model.Port, restarts bool, err error) {
	err = eachField(message, func(number protowire.Number, value []byte, _ uint64) error {
		switch number {
		case containerRestartPolicy:
			restarts = string(value) == string(corev1.ContainerRestartPolicyAlways)
		case containerPorts:
			port, ok, err := containerPort(value)
			if ok {
				ports = append(ports, port)
			}
			return err
		}
		return nil
	})
	return ports, restarts, err
}

func containerPort(message []byte) (port model.Port, ok bool, err error) {
	port.Protocol = corev1.ProtocolTCP
	err = eachField(message, func(number protowire.Number, value []byte, n uint64) error {
		switch number {
		case portName:
			port.Name = string(value)
		case portNumber:
			ok = n >= 1 && n <= 65535
			port.Number = uint16(n)
		case portProtocol:
			if len(value) > 0 {
				port.Protocol = protocol(value)
			}
		}
		return nil
	})
	return port, ok, err
}

// protocol avoids a string of its own for the protocols that there are.
func protocol(value []byte) corev1.Protocol {
	for _, p := range []corev1.Protocol{corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP} {
		if string(value) == string(p) {
			return p
		}
	}
	return corev1.Protocol(value)
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
	return eachField(message, func(number protowire.Number, value []byte, _ uint64) error {
		if number != podIPAddress {
			return nil
		}
		if ip, err := netip.ParseAddr(string(value)); err == nil {
			p.record.IPs = append(p.record.IPs, ip.Unmap())
		}
		return nil
	})
}

// unmarshal decodes a list of pods, for API servers that can't stream one.
func (l *podList) unmarshal(message []byte) error {
	return eachField(message, func(number protowire.Number, value []byte, _ uint64) error {
		switch number {
		case listMetadata:
			return l.metadata(value)
		case listItems:
			l.Items = append(l.Items, pod{})
			return l.Items[len(l.Items)-1].unmarshal(value)
		}
		return nil
	})
}

func (l *podList) metadata(message []byte) error {
	return eachField(message, func(number protowire.Number, value []byte, _ uint64) error {
		switch number {
		case listMetaVersion:
			l.ResourceVersion = string(value)
		case listMetaContinue:
			l.Continue = string(value)
		}
		return nil
	})
}
