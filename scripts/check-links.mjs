#!/usr/bin/env node
// Checks the links of every Markdown file in the repository: a relative link must name a file that exists, and its anchor a
// heading in it. Links to other sites are not followed.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '..');
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'], { cwd: root, encoding: 'utf8' })
  .split('\n')
  .filter((file) => file && existsSync(path.join(root, file)));

/** Text without code, in which brackets are not links. */
const prose = (text) => text.replace(/^(```|~~~)[\s\S]*?^\1/gm, '').replace(/`[^`\n]*`/g, '');

/** The anchors that a document's headings get, as the common Git hosts make them. */
function anchors(text) {
  const seen = new Map();
  return new Set(
    [...text.replace(/^(```|~~~)[\s\S]*?^\1/gm, '').matchAll(/^#{1,6}\s+(.+?)\s*#*$/gm)].map(([, heading]) => {
      const slug = heading
        .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .replace(/\s/g, '-');
      const count = seen.get(slug) ?? 0;
      seen.set(slug, count + 1);
      return count === 0 ? slug : `${slug}-${count}`;
    }),
  );
}

const findings = [];
let links = 0;
for (const file of files) {
  const text = readFileSync(path.join(root, file), 'utf8');
  const targets = [
    ...[...prose(text).matchAll(/\[[^\]]*\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g)].map(([, target]) => target),
    ...[...prose(text).matchAll(/^\[[^\]]+\]:\s+<?([^\s>]+)>?/gm)].map(([, target]) => target),
  ];
  for (const target of targets) {
    if (/^[a-z][a-z0-9+.-]*:/i.test(target)) continue;
    links += 1;
    const [name, anchor] = target.split('#');
    const resolved = name ? path.resolve(root, path.dirname(file), decodeURIComponent(name)) : path.join(root, file);
    if (!existsSync(resolved)) findings.push(`${file}: ${target} does not exist`);
    else if (anchor && resolved.endsWith('.md') && statSync(resolved).isFile()) {
      if (!anchors(readFileSync(resolved, 'utf8')).has(decodeURIComponent(anchor).toLowerCase())) {
        findings.push(`${file}: ${target}: no such heading`);
      }
    }
  }
}
if (findings.length > 0) {
  console.error(findings.join('\n'));
  process.exit(1);
}
console.log(`links: ${links} in ${files.length} documents lead somewhere`);
