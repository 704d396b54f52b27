package api_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/store"
)

// withLater adds POST /toys/{name}/wrap, which stores the toy and makes its response with finish.
func withLater(finish func() (toy, error)) func(*api.Service) {
	return func(svc *api.Service) {
		svc.Operations = append(svc.Operations, api.Operation{
			Vendor: "toys", Name: "WrapToy", Method: "POST", Path: "/toys/{name}/wrap", Statuses: []int{200},
			Endpoint: api.HandleLater(func(tx *store.Tx, _ *api.Request, q *toy) (func() (toy, error), error) {
				if q.Name == "ball" {
					return nil, refusal.New(refusal.NotFound, "no ball")
				}
				return finish, toys.Insert(tx, q)
			}),
		})
	}
}

// While the response is made, another request can write.
func TestHandleLater_ResponseIsMadeAfterTheTransaction(t *testing.T) {
	var s *server
	s = newServer(t, withLater(func() (toy, error) {
		written := make(chan int, 1)
		go func() { written <- s.do("POST", "/toys", `{"name":"doll"}`).Code }()
		select {
		case status := <-written:
			return toy{Name: "wrapped", Size: status}, nil
		case <-time.After(time.Minute):
			return toy{}, errors.New("another request waits for the response")
		}
	}))
	s.want(200, `{"name":"wrapped","size":200}`, s.do("POST", "/toys/car/wrap", ""))
	require.Equal(t, []string{"car", "doll"}, s.list("default"))
}

func TestHandleLater_Errors(t *testing.T) {
	s := newServer(t, withLater(func() (toy, error) { return toy{}, refusal.New(refusal.Unavailable, "no paper") }))
	t.Run("of the handler", func(t *testing.T) {
		s.want(404, "NotFound: no ball", s.do("POST", "/toys/ball/wrap", ""))
		require.Empty(t, s.list("default"))
	})
	t.Run("of the response leave the transaction committed", func(t *testing.T) {
		s.want(503, "Unavailable: no paper", s.do("POST", "/toys/car/wrap", ""))
		require.Equal(t, []string{"car"}, s.list("default"))
	})
}
