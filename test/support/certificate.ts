import { setDefaultCACertificates } from 'node:tls';
import { execa } from 'execa';

export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

/** A certificate for 127.0.0.1 that this process trusts from now on, and nobody else. */
export async function trustedCertificate(): Promise<Certificate> {
  const made = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const name = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const { stdout } = await execa('openssl', ['req', ...made, ...name, '-keyout', '-', '-out', '-'], { stdin: 'ignore' });
  const key = /-----BEGIN PRIVATE KEY-----[\s\S]*?-----END PRIVATE KEY-----/.exec(stdout)?.[0] ?? '';
  const cert = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/.exec(stdout)?.[0] ?? '';
  setDefaultCACertificates([cert]);
  return { key, cert };
}
