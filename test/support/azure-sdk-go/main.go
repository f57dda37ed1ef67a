// A program on the authentication library of Terraform's azurerm and azuread providers. It takes the variables that the
// providers take, and reads or writes one resource group through Resource Manager, each time with a client of its own.
// Arguments: `read` or `write`, the group, and how many times.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"

	"github.com/hashicorp/go-azure-sdk/sdk/auth"
	"github.com/hashicorp/go-azure-sdk/sdk/environments"
)

func main() {
	// The library tells its requests; Terraform shows that only on demand.
	log.SetOutput(io.Discard)
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(verb, group, times string) error {
	count, err := strconv.Atoi(times)
	if err != nil {
		return err
	}
	ctx := context.Background()
	environment := environments.AzurePublic()
	if host := os.Getenv("ARM_METADATA_HOSTNAME"); host != "" {
		if environment, err = environments.FromEndpoint(ctx, "https://"+host); err != nil {
			return err
		}
	}
	assertion, err := fromFileOr("ARM_OIDC_TOKEN")
	if err != nil {
		return err
	}
	client, err := fromFileOr("ARM_CLIENT_ID")
	if err != nil {
		return err
	}
	usesOidc := os.Getenv("ARM_USE_OIDC") == "true"
	credentials := auth.Credentials{
		Environment:                         *environment,
		TenantID:                            os.Getenv("ARM_TENANT_ID"),
		ClientID:                            client,
		OIDCAssertionToken:                  assertion,
		OIDCTokenRequestURL:                 os.Getenv("ARM_OIDC_REQUEST_URL"),
		OIDCTokenRequestToken:               os.Getenv("ARM_OIDC_REQUEST_TOKEN"),
		EnableAuthenticationUsingOIDC:       usesOidc,
		EnableAuthenticationUsingGitHubOIDC: usesOidc,
		EnableAuthenticatingUsingAzureCLI:   os.Getenv("ARM_USE_CLI") != "false",
	}
	for range count {
		if err := call(ctx, credentials, environment, verb, group); err != nil {
			return err
		}
	}
	return nil
}

// The providers take a value, or the path of a file with it.
func fromFileOr(name string) (string, error) {
	path := os.Getenv(name + "_FILE_PATH")
	if path == "" {
		return os.Getenv(name), nil
	}
	contents, err := os.ReadFile(path)
	return strings.TrimSpace(string(contents)), err
}

func call(ctx context.Context, credentials auth.Credentials, environment *environments.Environment, verb, group string) error {
	authorizer, err := auth.NewAuthorizerFromCredentials(ctx, credentials, environment.ResourceManager)
	if err != nil {
		return err
	}
	token, err := authorizer.Token(ctx, &http.Request{})
	if err != nil {
		return err
	}
	method, input := http.MethodGet, ""
	if verb == "write" {
		method, input = http.MethodPut, `{"location":"northeurope"}`
	}
	endpoint, _ := environment.ResourceManager.Endpoint()
	url := fmt.Sprintf("%s/subscriptions/%s/resourceGroups/%s?api-version=2022-09-01", *endpoint, os.Getenv("ARM_SUBSCRIPTION_ID"), group)
	request, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(input))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", token.Type()+" "+token.AccessToken)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("%d %s", response.StatusCode, body)
	}
	var answer struct {
		Location string `json:"location"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return err
	}
	fmt.Println(answer.Location)
	return nil
}
