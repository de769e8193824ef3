package probes

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/netassay/netassay/internal/sandbox"
)

// Target is what a probe asks.
type Target struct {
	Host  string                                         // the pod's address
	Ports []corev1.ContainerPort                         // to look up named ports
	Do    func(func() error) error                       // runs code in the network namespace to ask from
	Exec  func(ctx context.Context, argv []string) error // runs a command in the container
}

// Check asks once; nil means success.
func Check(ctx context.Context, h corev1.ProbeHandler, t Target) error {
	switch {
	case h.Exec != nil:
		return t.Exec(ctx, h.Exec.Command)
	case h.TCPSocket != nil:
		return t.tcp(ctx, h.TCPSocket)
	case h.HTTPGet != nil:
		return t.http(ctx, h.HTTPGet)
	default:
		return errors.New("the lab knows exec, tcpSocket and httpGet probes only")
	}
}

func (t Target) tcp(ctx context.Context, a *corev1.TCPSocketAction) error {
	addr, err := t.address(a.Host, a.Port)
	if err != nil {
		return err
	}
	conn, err := sandbox.DialIn(t.Do)(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	return conn.Close()
}

func (t Target) address(host string, port intstr.IntOrString) (string, error) {
	if host == "" {
		host = t.Host
	}
	n := port.IntValue()
	if port.Type == intstr.String {
		n = t.named(port.StrVal)
	}
	if n < 1 || n > 65535 {
		return "", fmt.Errorf("probe port %q is no port of the container", port.String())
	}
	return net.JoinHostPort(host, strconv.Itoa(n)), nil
}

func (t Target) named(name string) int {
	for _, p := range t.Ports {
		if p.Name == name {
			return int(p.ContainerPort)
		}
	}
	n, err := strconv.Atoi(name)
	if err != nil {
		return 0
	}
	return n
}

func (t Target) http(ctx context.Context, a *corev1.HTTPGetAction) error {
	addr, err := t.address(a.Host, a.Port)
	if err != nil {
		return err
	}
	req, err := request(ctx, a, addr)
	if err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{
		DialContext:       sandbox.DialIn(t.Do),
		DisableKeepAlives: true,
		// The API defines that an HTTPS probe does not verify the certificate.
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("http probe: %w", err)
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, 10<<10)
	// "Any code greater than or equal to 200 and less than 400 indicates success."
	if resp.StatusCode < 200 || resp.StatusCode >= 400 {
		return fmt.Errorf("http probe failed with statuscode: %d", resp.StatusCode)
	}
	return nil
}

func request(ctx context.Context, a *corev1.HTTPGetAction, addr string) (*http.Request, error) {
	u, err := url.Parse(a.Path)
	if err != nil {
		return nil, fmt.Errorf("http probe path %q: %w", a.Path, err)
	}
	u.Scheme, u.Host = strings.ToLower(string(a.Scheme)), addr
	if u.Scheme == "" {
		u.Scheme = "http"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("http probe: %w", err)
	}
	req.Header.Set("User-Agent", "kube-probe/netassay")
	for _, h := range a.HTTPHeaders {
		if strings.EqualFold(h.Name, "Host") {
			req.Host = h.Value
		}
		req.Header.Add(h.Name, h.Value)
	}
	return req, nil
}
