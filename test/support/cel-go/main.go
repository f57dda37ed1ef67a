// cel-go evaluates expressions with Google's own implementation of CEL, for the differential test of src/platforms/gcp/cel.
//
// Input: one JSON object a line, {"expression": "…", "assertion": …}. Output: for each a line {"value": …} or
// {"refused": "compile"|"evaluate", "message": "…"}. Whole numbers become int, others double; a uint comes out as a
// number, a type as its name, bytes as {"bytes": "base64"}.
package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
)

type question struct {
	Expression string          `json:"expression"`
	Assertion  json.RawMessage `json:"assertion"`
}

type answer struct {
	Value   any    `json:"value"`
	Refused string `json:"refused,omitempty"`
	Message string `json:"message,omitempty"`
}

func main() {
	environment, err := cel.NewEnv(cel.Variable("assertion", cel.DynType))
	if err != nil {
		panic(err)
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 0, 1<<20), 1<<26)
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	for lines.Scan() {
		var q question
		if err := json.Unmarshal(lines.Bytes(), &q); err != nil {
			panic(err)
		}
		if err := out.Encode(answerTo(environment, q)); err != nil {
			panic(err)
		}
	}
	if err := lines.Err(); err != nil {
		panic(err)
	}
}

func answerTo(environment *cel.Env, q question) answer {
	ast, issues := environment.Compile(q.Expression)
	if issues.Err() != nil {
		return answer{Refused: "compile", Message: issues.Err().Error()}
	}
	program, err := environment.Program(ast)
	if err != nil {
		return answer{Refused: "compile", Message: err.Error()}
	}
	decoder := json.NewDecoder(strings.NewReader(string(q.Assertion)))
	decoder.UseNumber()
	var assertion any
	if err := decoder.Decode(&assertion); err != nil {
		panic(err)
	}
	result, _, err := program.Eval(map[string]any{"assertion": native(assertion)})
	if err != nil {
		return answer{Refused: "evaluate", Message: err.Error()}
	}
	value, err := plain(result)
	if err != nil {
		return answer{Refused: "evaluate", Message: err.Error()}
	}
	return answer{Value: value}
}

// native gives whole numbers that a double holds exactly as int64, as cel.ts does.
func native(value any) any {
	switch typed := value.(type) {
	case json.Number:
		if whole, err := strconv.ParseInt(typed.String(), 10, 64); err == nil && whole >= -(1<<53)+1 && whole <= (1<<53)-1 {
			return whole
		}
		double, err := typed.Float64()
		if err != nil {
			panic(err)
		}
		if double == math.Trunc(double) && math.Abs(double) <= (1<<53)-1 {
			return int64(double)
		}
		return double
	case []any:
		list := make([]any, len(typed))
		for i, element := range typed {
			list[i] = native(element)
		}
		return list
	case map[string]any:
		object := make(map[string]any, len(typed))
		for key, member := range typed {
			object[key] = native(member)
		}
		return object
	default:
		return value
	}
}

func plain(value ref.Val) (any, error) {
	switch typed := value.(type) {
	case types.Bool:
		return bool(typed), nil
	case types.Int:
		return number(strconv.FormatInt(int64(typed), 10)), nil
	case types.Uint:
		return number(strconv.FormatUint(uint64(typed), 10)), nil
	case types.Double:
		return map[string]any{"double": strconv.FormatFloat(float64(typed), 'g', -1, 64)}, nil
	case types.String:
		return string(typed), nil
	case types.Bytes:
		return map[string]any{"bytes": base64.StdEncoding.EncodeToString(typed)}, nil
	case types.Null:
		return nil, nil
	case traits.Mapper:
		object := map[string]any{}
		for keys := typed.Iterator(); keys.HasNext() == types.True; {
			key := keys.Next()
			member, err := plain(typed.Get(key))
			if err != nil {
				return nil, err
			}
			object[fmt.Sprint(key.Value())] = member
		}
		return object, nil
	case traits.Lister:
		list := []any{}
		for elements := typed.Iterator(); elements.HasNext() == types.True; {
			element, err := plain(elements.Next())
			if err != nil {
				return nil, err
			}
			list = append(list, element)
		}
		return list, nil
	case ref.Type:
		return map[string]any{"type": typed.TypeName()}, nil
	default:
		return nil, fmt.Errorf("a value of type %s", value.Type().TypeName())
	}
}

func number(text string) any {
	return map[string]any{"int": text}
}
