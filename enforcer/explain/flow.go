package explain

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/netassay/netassay/model"
)

// flowForm is how a flow is written.
const flowForm = "CLIENT_IP,SERVER_IP,PROTOCOL,PORT, e.g. 10.244.1.5,10.244.2.7,TCP,80"

// ParseFlow reads CLIENT_IP,SERVER_IP,PROTOCOL,PORT.
func ParseFlow(text string) (model.Flow, error) {
	words := strings.Split(text, ",")
	if len(words) != 4 {
		return model.Flow{}, fmt.Errorf("flow %q has %d parts: give %s", text, len(words), flowForm)
	}
	client, err := parseAddr(words[0])
	if err != nil {
		return model.Flow{}, fmt.Errorf("client of flow %q: %w", text, err)
	}
	server, err := parseAddr(words[1])
	if err != nil {
		return model.Flow{}, fmt.Errorf("server of flow %q: %w", text, err)
	}
	if client.Is4() != server.Is4() {
		return model.Flow{}, fmt.Errorf("flow %q: client and server are of two IP families: give both IPv4 or both IPv6", text)
	}
	protocol := corev1.Protocol(strings.ToUpper(strings.TrimSpace(words[2])))
	switch protocol {
	case corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP:
	default:
		return model.Flow{}, fmt.Errorf("protocol of flow %q: %q is none of TCP, UDP and SCTP", text, words[2])
	}
	port, err := strconv.ParseUint(strings.TrimSpace(words[3]), 10, 16)
	if err != nil || port == 0 {
		return model.Flow{}, fmt.Errorf("port of flow %q: %q is not a port: use 1 to 65535", text, words[3])
	}
	return model.Flow{Client: client, Server: server, Protocol: protocol, Port: uint16(port)}, nil
}

func parseAddr(text string) (netip.Addr, error) {
	ip, err := netip.ParseAddr(strings.TrimSpace(text))
	if err != nil || ip.Zone() != "" {
		return netip.Addr{}, fmt.Errorf("%q is not an IP address: find a pod's with kubectl get pod -o wide", text)
	}
	return ip.Unmap(), nil
}
