import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError } from '../domain/errors.ts';
import { checkedIssuerUrl, isLoopbackIssuer, issuerPath } from './issuer-url.ts';

describe('checkedIssuerUrl', () => {
  it.each([
    'https://id.example.com',
    'https://id.example.com/team',
    'https://id.example.com/a/b.c/d_e~f-1',
    'https://id.example.com:8443',
    'https://xn--bcher-kva.example',
    'https://127.0.0.1:8443',
    'http://127.0.0.1:8300',
    'http://127.9.9.9',
    'http://localhost:8300',
    'http://[::1]:8300',
    'http://localhost:8300/issuer',
  ])('gives %s back unchanged', (url) => {
    expect(checkedIssuerUrl(url)).toBe(url);
  });

  it.each([
    ['https://id.example.com/', 'ends with a slash', 'write "https://id.example.com"'],
    ['https://id.example.com/team/', 'ends with a slash', 'write "https://id.example.com/team"'],
    ['https://id.example.com?x=1', 'holds a query', 'write "https://id.example.com"'],
    ['https://id.example.com?', 'holds a query', 'write "https://id.example.com"'],
    ['https://id.example.com#top', 'holds a fragment', 'write "https://id.example.com"'],
    ['https://id.example.com#', 'holds a fragment', 'write "https://id.example.com"'],
    ['https://user@id.example.com', 'holds a user name', 'write "https://id.example.com"'],
    ['http://id.example.com', 'uses http', 'write "https://id.example.com"'],
    ['http://10.0.0.1', 'uses http', 'write "https://10.0.0.1"'],
    ['http://localhost.example.com', 'uses http', 'write "https://localhost.example.com"'],
    ['http://127.0.0.1.example.com', 'uses http', 'write "https://127.0.0.1.example.com"'],
    ['http://0.0.0.0:80', 'uses http', 'write "https://0.0.0.0:80"'],
    ['https://ID.example.com', 'is not spelt', 'write "https://id.example.com"'],
    ['HTTPS://id.example.com', 'is not spelt', 'write "https://id.example.com"'],
    ['https://id.example.com:443', 'is not spelt', 'write "https://id.example.com"'],
    ['https://id.example.com/a/../b', 'is not spelt', 'write "https://id.example.com/b"'],
    ['http://127.1:8300', 'is not spelt', 'write "http://127.0.0.1:8300"'],
    ['https://bücher.example', 'is not spelt', 'write "https://xn--bcher-kva.example"'],
    [' https://id.example.com', 'is not', 'https://id.example.com'],
    ['https://id.example.com/a%2fb', 'has a path', 'use a plain path, or none'],
    ['https://id.example.com//a', 'has a path', 'use a plain path, or none'],
    ['https://id.example.com.', 'ends with a dot', 'leave the dot out'],
    [`https://id.example.com/${'a'.repeat(240)}`, 'at most 255', 'use a shorter one'],
    ['ftp://id.example.com', 'is not an https URL', 'https://id.example.com'],
    ['id.example.com', 'is not an https URL', 'https://id.example.com'],
    ['https:id.example.com', 'is not an https URL', 'https://id.example.com'],
    ['', 'is not an https URL', 'https://id.example.com'],
  ])('refuses %s: it %s', (url, reason, mend) => {
    const error = refusal(url);
    expect(error.code).toBe('issuer_invalid');
    expect(error.problem.what).toContain(reason);
    expect(error.problem.mend).toContain(mend);
  });

  it('never shows a password that stands in the URL', () => {
    const { problem } = refusal('https://me:hunter2@id.example.com/x');
    expect(JSON.stringify(problem)).not.toContain('hunter2');
  });

  it('accepts nothing that another reader would spell in another way', () => {
    fc.assert(
      fc.property(fc.oneof(fc.webUrl(), fc.webUrl({ withQueryParameters: true, withFragments: true })), (text) => {
        const accepted = outcome(text);
        fc.pre(typeof accepted === 'string');
        expect(accepted).toBe(text);
        expect(new URL(text).href.replace(/\/$/, '')).toBe(text);
        expect(text).not.toMatch(/[?#@\s*'"`]|\/$/);
      }),
    );
  });
});

describe('isLoopbackIssuer', () => {
  it.each([
    ['http://localhost:1', true],
    ['https://127.0.0.1', true],
    ['http://[::1]', true],
    ['https://localhost.example.com', false],
    ['https://10.0.0.1', false],
    ['https://id.example.com', false],
  ])('says of %s: %s', (url, expected) => {
    expect(isLoopbackIssuer(url)).toBe(expected);
  });
});

describe('issuerPath', () => {
  it('is empty, or begins with a slash and ends without', () => {
    expect(issuerPath('https://id.example.com')).toBe('');
    expect(issuerPath('https://id.example.com/a/b')).toBe('/a/b');
  });
});

function outcome(url: string): string | AppError {
  try {
    return checkedIssuerUrl(url);
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
}

function refusal(url: string): AppError {
  const refused = outcome(url);
  if (typeof refused === 'string') throw new Error(`${url} was accepted`);
  return refused;
}
