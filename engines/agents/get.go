package agents

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/internal/sandbox"
)

const (
	getTimeout = 5 * time.Second
	// getLimit bounds an answer; the metrics of a large engine have a few MiB.
	getLimit = 64 << 20
)

// Getter fetches from servers on a node's loopback.
type Getter struct {
	client *http.Client
}

// NewGetter makes a Getter for n.
func NewGetter(n engines.Node) *Getter {
	return &Getter{client: &http.Client{
		Transport: &http.Transport{DialContext: sandbox.DialIn(n.Do), DisableKeepAlives: true},
		Timeout:   getTimeout,
	}}
}

// Get fetches url; any status but 200 is an error.
func (g *Getter) Get(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	resp, err := g.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, getLimit))
	if err != nil {
		return nil, fmt.Errorf("read answer of %s: %w", url, err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("get %s: status %d: %.200s", url, resp.StatusCode, bytes.TrimSpace(body))
	}
	return body, nil
}

// ReadyAt is a Spec's Ready that is satisfied when url, asked from the node itself, answers
// 200.
func ReadyAt(url string) func(context.Context, engines.Node) (Question, error) {
	return func(_ context.Context, n engines.Node) (Question, error) {
		g := NewGetter(n)
		return func(ctx context.Context) error {
			_, err := g.Get(ctx, url)
			return err
		}, nil
	}
}
