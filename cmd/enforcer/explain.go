package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/netassay/netassay/enforcer/agent"
	"github.com/netassay/netassay/enforcer/explain"
	"github.com/netassay/netassay/internal/suggest"
)

// explainTimeout is ample for an answer from the node itself.
const explainTimeout = 30 * time.Second

func newExplain() *cobra.Command {
	var flow, address, output string
	cmd := &cobra.Command{
		Use:   "explain --flow CLIENT_IP,SERVER_IP,PROTOCOL,PORT",
		Short: "Name the policy and rule that decide a flow on this node",
		Long: "Ask the enforcer of this node what becomes of a new connection, and which policy and\n" +
			"rule decide that. Each end is judged on its own node: for pods of two nodes, ask both.\n" +
			"Addresses are pods' addresses, not those of Services.",
		Example: "  enforcer explain --flow 10.244.1.5,10.244.2.7,TCP,80\n  enforcer explain --flow fd00::5,fd00::7,UDP,53 -o json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if flow == "" {
				return errors.New("--flow is missing: give CLIENT_IP,SERVER_IP,PROTOCOL,PORT, e.g. --flow 10.244.1.5,10.244.2.7,TCP,80")
			}
			if _, err := explain.ParseFlow(flow); err != nil {
				return fmt.Errorf("--flow: %w", err)
			}
			if err := suggest.OneOf("value of --output", output, "text", "json"); err != nil {
				return err
			}
			answer, err := ask(cmd.Context(), address, flow)
			if err != nil {
				return &runtimeError{err}
			}
			return show(cmd.OutOrStdout(), answer, output)
		},
	}
	l := cmd.Flags()
	l.StringVar(&flow, "flow", "", "client's and server's address, protocol and server's port")
	l.StringVar(&address, "address", defaultAddress, "where the enforcer of this node serves, its --metrics-address")
	l.StringVarP(&output, "output", "o", "text", "text or json")
	return cmd
}

// ask gets the answer from the agent.
func ask(ctx context.Context, address, flow string) (a explain.Answer, err error) {
	ctx, cancel := context.WithTimeout(ctx, explainTimeout)
	defer cancel()
	at := url.URL{Scheme: "http", Host: address, Path: agent.ExplainPath, RawQuery: url.Values{"flow": {flow}}.Encode()}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return a, fmt.Errorf("ask the enforcer at %s: %w", address, err)
	}
	client := http.Client{Transport: &http.Transport{}} // no proxy: the enforcer is on this node
	resp, err := client.Do(req)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return a, fmt.Errorf("no enforcer serves at %s of this node: start it, or give its --metrics-address as --address", address)
	}
	if err != nil {
		return a, fmt.Errorf("ask the enforcer at %s: %w", address, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = errors.New(strings.TrimSpace(string(body)))
	}
	if err == nil {
		err = json.Unmarshal(body, &a)
	}
	if err != nil {
		return a, fmt.Errorf("ask the enforcer at %s: %w", address, err)
	}
	return a, nil
}

func show(w io.Writer, a explain.Answer, output string) error {
	if output == "json" {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(a)
	}
	_, err := io.WriteString(w, a.String())
	return err
}
