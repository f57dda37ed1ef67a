/** Reads the beginning of an answer, at most `longest` bytes as UTF-8, and lets go of the rest. */
export async function readLimited(response: Response, longest: number): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  let read = 0;
  if (response.body === null) return text;
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk.subarray(0, longest - read), { stream: true });
    read += chunk.length;
    // Leaving the loop cancels the stream.
    if (read >= longest) break;
  }
  return text;
}
