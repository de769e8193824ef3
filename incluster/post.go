package incluster

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/netassay/netassay/incluster/outcome"
)

const (
	period      = time.Second     // the least time between updates
	postTimeout = 2 * time.Second // of one
)

// poster posts progress updates, and never keeps anybody waiting: while one is under way, only the
// latest of the others is kept. Errors are ignored, because the results say it all. A nil poster
// posts nothing.
type poster struct {
	url    string
	latest chan outcome.Update // one at most
	over   chan struct{}
}

func newPoster(url string) *poster {
	if url == "" {
		return nil
	}
	p := &poster{url: url, latest: make(chan outcome.Update, 1), over: make(chan struct{})}
	go p.run()
	return p
}

func (p *poster) run() {
	defer close(p.over)
	client := &http.Client{Transport: &http.Transport{}} // by no proxy: it is in this pod
	for u := range p.latest {
		next := time.After(period)
		p.one(client, u)
		<-next
	}
}

func (p *poster) one(client *http.Client, u outcome.Update) {
	text, err := json.Marshal(u)
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), postTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(text))
	if err != nil {
		return
	}
	req.Header.Set("Content-Type", "application/json")
	if resp, err := client.Do(req); err == nil {
		resp.Body.Close()
	}
}

// post takes the place of what has not been posted yet.
func (p *poster) post(u outcome.Update) {
	if p == nil {
		return
	}
	select {
	case <-p.latest:
	default:
	}
	p.latest <- u // there is room: this is the only one who sends
}

// close ends it, after the latest update if that takes no longer than two would.
func (p *poster) close() {
	if p == nil {
		return
	}
	close(p.latest)
	select {
	case <-p.over:
	case <-time.After(2 * postTimeout):
	}
}
