// Kubernetes' own JWT authenticator, to be asked by tests: lines of JSON in, lines of JSON out.
//
// It decodes, validates and runs an AuthenticationConfiguration with the API server's packages. The issuers that the
// configuration names are played in memory, so that neither a network nor certificates are needed.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"reflect"
	"strings"
	"time"
	"unsafe"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/apiserver/pkg/apis/apiserver"
	"k8s.io/apiserver/pkg/apis/apiserver/install"
	"k8s.io/apiserver/pkg/apis/apiserver/validation"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	authenticationcel "k8s.io/apiserver/pkg/authentication/cel"
	"k8s.io/apiserver/pkg/authentication/token/union"
	"k8s.io/apiserver/plugin/pkg/authenticator/token/oidc"
)

const keysURL = "https://keys.invalid/jwks"

type question struct {
	Config            string          `json:"config"`
	DisallowedIssuers []string        `json:"disallowedIssuers"`
	Keys              json.RawMessage `json:"keys"`
	Now               int64           `json:"now"` // milliseconds since 1970
	Tokens            []string        `json:"tokens"`
}

type userInfo struct {
	Username string              `json:"username"`
	UID      string              `json:"uid"`
	Groups   []string            `json:"groups"`
	Extra    map[string][]string `json:"extra"`
}

type result struct {
	User  *userInfo `json:"user"`
	Error string    `json:"error"`
}

type answer struct {
	Refused string   `json:"refused"` // why the configuration is refused at start-up
	Results []result `json:"results"`
}

// issuer answers discovery, under whatever address, and the keys.
type issuer struct {
	url  string
	keys json.RawMessage
}

func (i issuer) RoundTrip(request *http.Request) (*http.Response, error) {
	body := string(i.keys)
	if request.URL.String() != keysURL {
		document, err := json.Marshal(map[string]string{"issuer": i.url, "jwks_uri": keysURL})
		if err != nil {
			return nil, err
		}
		body = string(document)
	}
	return &http.Response{
		StatusCode: http.StatusOK,
		Header:     http.Header{"Content-Type": {"application/json"}},
		Body:       io.NopCloser(strings.NewReader(body)),
		Request:    request,
	}, nil
}

func main() {
	scheme := runtime.NewScheme()
	install.Install(scheme)
	codecs := serializer.NewCodecFactory(scheme, serializer.EnableStrict)
	compiler := authenticationcel.NewDefaultCompiler()
	utilruntime.ErrorHandlers = nil

	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := json.NewEncoder(os.Stdout)
	for {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return
		}
		var q question
		if err == nil {
			err = json.Unmarshal(line, &q)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		if err := out.Encode(judge(codecs, compiler, q)); err != nil {
			os.Exit(1)
		}
	}
}

func judge(codecs serializer.CodecFactory, compiler authenticationcel.Compiler, q question) answer {
	decoded, err := runtime.Decode(codecs.UniversalDecoder(), []byte(q.Config))
	if err != nil {
		return answer{Refused: err.Error()}
	}
	configuration, ok := decoded.(*apiserver.AuthenticationConfiguration)
	if !ok {
		return answer{Refused: fmt.Sprintf("expected AuthenticationConfiguration, got %T", decoded)}
	}
	errs := validation.ValidateAuthenticationConfiguration(compiler, configuration, q.DisallowedIssuers)
	if err := errs.ToAggregate(); err != nil {
		return answer{Refused: err.Error()}
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var handlers []authenticator.Token
	for _, entry := range configuration.JWT {
		options := oidc.Options{
			JWTAuthenticator:     entry,
			Client:               &http.Client{Transport: issuer{entry.Issuer.URL, q.Keys}},
			Compiler:             compiler,
			SupportedSigningAlgs: oidc.AllValidSigningAlgorithms(),
			DisallowedIssuers:    q.DisallowedIssuers,
		}
		setClock(&options, time.UnixMilli(q.Now))
		one, err := oidc.New(ctx, options)
		if err != nil {
			return answer{Refused: err.Error()}
		}
		for one.HealthCheck() != nil {
			time.Sleep(100 * time.Microsecond)
		}
		handlers = append(handlers, one)
	}
	all := union.New(handlers...)
	results := make([]result, 0, len(q.Tokens))
	for _, token := range q.Tokens {
		results = append(results, ask(ctx, all, token))
	}
	return answer{Results: results}
}

func ask(ctx context.Context, all authenticator.Token, token string) result {
	response, ok, err := all.AuthenticateToken(ctx, token)
	switch {
	case err != nil:
		return result{Error: err.Error()}
	case !ok:
		return result{Error: "invalid bearer token"}
	}
	user := response.User
	return result{User: &userInfo{user.GetName(), user.GetUID(), user.GetGroups(), user.GetExtra()}}
}

// setClock sets the clock that the package keeps for its own tests, so that limits can be tried to the second.
func setClock(options *oidc.Options, at time.Time) {
	field := reflect.ValueOf(options).Elem().FieldByName("now")
	clock := reflect.ValueOf(func() time.Time { return at })
	reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem().Set(clock)
}
